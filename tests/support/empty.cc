// Nothing: the headers that all tests share are precompiled with it (tests/CMakeLists.txt).
int main() {}
