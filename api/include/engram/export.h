// Which symbols leave the library. Everything else is hidden, so that a host program may link its
// own copies of the libraries inside Engram.
#ifndef ENGRAM_EXPORT_H_
#define ENGRAM_EXPORT_H_

// What a program may use.
#define ENGRAM_EXPORT [[gnu::visibility("default")]]

#endif  // ENGRAM_EXPORT_H_
