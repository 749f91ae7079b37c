// Short forms for passing a failure on.
#ifndef ENGRAM_STORAGE_BASE_STATUS_MACROS_H_
#define ENGRAM_STORAGE_BASE_STATUS_MACROS_H_

#include <utility>

#include <engram/result.h>
#include <engram/status.h>

#define ENGRAM_MACRO_JOIN_INNER(a, b) a##b
#define ENGRAM_MACRO_JOIN(a, b) ENGRAM_MACRO_JOIN_INNER(a, b)

#define ENGRAM_RETURN_IF_ERROR(expression)                                    \
  do {                                                                        \
    if (::engram::Status engram_status_ = (expression); !engram_status_.ok()) \
      return engram_status_;                                                  \
  } while (false)

#define ENGRAM_ASSIGN_OR_RETURN_INNER(result, declaration, expression) \
  auto result = (expression);                                          \
  if (!result.ok()) return result.status();                            \
  declaration = std::move(result).value()

// ENGRAM_ASSIGN_OR_RETURN(const auto size, file.Size());
#define ENGRAM_ASSIGN_OR_RETURN(declaration, expression)                                  \
  ENGRAM_ASSIGN_OR_RETURN_INNER(ENGRAM_MACRO_JOIN(engram_result_, __LINE__), declaration, \
                                expression)

#endif  // ENGRAM_STORAGE_BASE_STATUS_MACROS_H_
