# engram_test(NAME LABEL SOURCES...), paths relative to tests/.
