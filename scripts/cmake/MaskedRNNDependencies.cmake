# Header-only and test dependencies: the system's packages first, fetched only where they are absent.
include(FetchContent)
set(FETCHCONTENT_QUIET ON)

FetchContent_Declare(nlohmann_json
  URL https://github.com/nlohmann/json/archive/refs/tags/v3.11.2.tar.gz
  DOWNLOAD_EXTRACT_TIMESTAMP ON
  FIND_PACKAGE_ARGS 3.10)
FetchContent_Declare(utf8cpp
  URL https://github.com/nemtrif/utfcpp/archive/refs/tags/v3.2.3.tar.gz
  DOWNLOAD_EXTRACT_TIMESTAMP ON
  FIND_PACKAGE_ARGS)
set(UTF8_TESTS OFF CACHE INTERNAL "")
set(UTF8_SAMPLES OFF CACHE INTERNAL "")
set(UTF8_INSTALL OFF CACHE INTERNAL "")
FetchContent_MakeAvailable(nlohmann_json utf8cpp)

if(MASKED_RNN_BUILD_TOOLS)
  FetchContent_Declare(CLI11
    URL https://github.com/CLIUtils/CLI11/archive/refs/tags/v2.3.2.tar.gz
    DOWNLOAD_EXTRACT_TIMESTAMP ON
    FIND_PACKAGE_ARGS)
  FetchContent_MakeAvailable(CLI11)
endif()

if(MASKED_RNN_BUILD_TESTS)
  set(INSTALL_GTEST OFF CACHE INTERNAL "")
  FetchContent_Declare(googletest
    URL https://github.com/google/googletest/archive/refs/tags/v1.14.0.tar.gz
    DOWNLOAD_EXTRACT_TIMESTAMP ON
    FIND_PACKAGE_ARGS NAMES GTest)
  FetchContent_MakeAvailable(googletest)
  include(GoogleTest)
endif()
