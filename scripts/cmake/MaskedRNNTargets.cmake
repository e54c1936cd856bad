# Flags and include folders shared by every target. Headers are spelt <masked_rnn/ops/lstm.h> in the
# tree as when installed: links in the build folder make it so.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_VERIFY_INTERFACE_HEADER_SETS ON)  # target all_verify_interface_header_sets
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)

# Public headers under include/, those of csrc under private/: only ops and its tests see the latter.
set(MASKED_RNN_PUBLIC_INCLUDE ${PROJECT_BINARY_DIR}/include)
set(MASKED_RNN_PRIVATE_INCLUDE ${PROJECT_BINARY_DIR}/private)
file(MAKE_DIRECTORY ${MASKED_RNN_PUBLIC_INCLUDE}/masked_rnn ${MASKED_RNN_PRIVATE_INCLUDE}/masked_rnn)
foreach(room ops models masked_rnn.h)
  file(CREATE_LINK ${PROJECT_SOURCE_DIR}/${room} ${MASKED_RNN_PUBLIC_INCLUDE}/masked_rnn/${room} SYMBOLIC)
endforeach()
file(CREATE_LINK ${PROJECT_SOURCE_DIR}/csrc ${MASKED_RNN_PRIVATE_INCLUDE}/masked_rnn/csrc SYMBOLIC)

# -fopenmp alone, not the path of the compiler's libgomp: LibTorch brings its own, and both would
# answer to the same name.
find_package(OpenMP REQUIRED COMPONENTS CXX)
set_target_properties(OpenMP::OpenMP_CXX PROPERTIES INTERFACE_LINK_LIBRARIES ${OpenMP_CXX_FLAGS})

add_library(masked_rnn_flags INTERFACE)
# GCC 12 sees overflows in the concatenation of strings where there are none (GCC bug 105651).
set(gcc_12 $<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>)
target_compile_options(masked_rnn_flags INTERFACE -Wall -Wextra
  "$<${gcc_12}:-Wno-stringop-overflow;-Wno-array-bounds;-Wno-restrict>"
  $<$<BOOL:${MASKED_RNN_WARNINGS_AS_ERRORS}>:-Werror>)
if(MASKED_RNN_SANITIZE)
  # The check of an object's dynamic type needs type information that LibTorch does not export. That a
  # failed check does not return, the compiler does not see behind the sanitizers' own code.
  target_compile_options(masked_rnn_flags INTERFACE
    -fsanitize=${MASKED_RNN_SANITIZE} -fno-sanitize=vptr -fno-omit-frame-pointer -Wno-return-type)
  target_link_options(masked_rnn_flags INTERFACE -fsanitize=${MASKED_RNN_SANITIZE})
endif()

# Adds headers of the calling folder to what `target` installs and verifies to compile alone.
function(masked_rnn_headers target)
  file(RELATIVE_PATH room ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  list(TRANSFORM ARGN PREPEND ${MASKED_RNN_PUBLIC_INCLUDE}/masked_rnn/${room}/)
  target_sources(${target} PUBLIC FILE_SET HEADERS BASE_DIRS ${MASKED_RNN_PUBLIC_INCLUDE}
    FILES ${ARGN})
endfunction()
