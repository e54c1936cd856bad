# Header-only and test dependencies: the system's packages first, fetched only where they are absent.
include(FetchContent)

# masked_rnn_dependency(NAME URL SHA256 FIND_PACKAGE_ARGS...)
function(masked_rnn_dependency name url sha256)
  FetchContent_Declare(${name}
    SYSTEM  # CMake 3.25 takes it for a value of the keyword before it, if there is one
    URL ${url}
    URL_HASH SHA256=${sha256}
    DOWNLOAD_EXTRACT_TIMESTAMP ON
    FIND_PACKAGE_ARGS ${ARGN})
  FetchContent_MakeAvailable(${name})
endfunction()

masked_rnn_dependency(nlohmann_json
  https://github.com/nlohmann/json/archive/refs/tags/v3.11.3.tar.gz
  0d8ef5af7f9794e3263480193c491549b2ba6cc74bb018906202ada498a79406
  3.10)

set(UTF8_TESTS OFF CACHE INTERNAL "")
set(UTF8_SAMPLES OFF CACHE INTERNAL "")
set(UTF8_INSTALL OFF CACHE INTERNAL "")
masked_rnn_dependency(utf8cpp
  https://github.com/nemtrif/utfcpp/archive/refs/tags/v4.0.6.tar.gz
  6920a6a5d6a04b9a89b2a89af7132f8acefd46e0c2a7b190350539e9213816c0)

if(MASKED_RNN_BUILD_TOOLS)
  masked_rnn_dependency(CLI11
    https://github.com/CLIUtils/CLI11/archive/refs/tags/v2.5.0.tar.gz
    17e02b4cddc2fa348e5dbdbb582c59a3486fa2b2433e70a0c3bacb871334fd55)
endif()

if(MASKED_RNN_BUILD_TESTS)
  set(INSTALL_GTEST OFF CACHE INTERNAL "")
  set(BUILD_GMOCK OFF CACHE INTERNAL "")
  masked_rnn_dependency(googletest
    https://github.com/google/googletest/archive/refs/tags/v1.17.0.tar.gz
    65fab701d9829d38cb77c14acdc431d2108bfdbf8979e40eb8ae567edf10b27c
    NAMES GTest)
  include(GoogleTest)
endif()
