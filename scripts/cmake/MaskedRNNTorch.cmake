# Finds LibTorch and defines the target masked_rnn::torch: its headers, libtorch_cpu and libc10.
# LibTorch's own CMake package is not asked for that, because a LibTorch built with CUDA cannot be
# found by it without the CUDA toolkit, of which nothing here has any need.
#
# Looks in Torch_DIR, in CMAKE_PREFIX_PATH (torch.utils.cmake_prefix_path or an unpacked LibTorch),
# in the folders named by MASKED_RNN_TORCH_HINTS, then in the Python that find_package finds. Sets
#   MASKED_RNN_TORCH_VERSION      of the LibTorch found, such as 2.13.0; empty when there is none
#   MASKED_RNN_TORCH_LIBRARY_DIR  the folder of its libraries
find_path(Torch_DIR TorchConfig.cmake
  HINTS ${MASKED_RNN_TORCH_HINTS}
  PATH_SUFFIXES Torch share/cmake/Torch
  DOC "The folder of TorchConfig.cmake")
if(NOT Torch_DIR)
  find_package(Python3 QUIET COMPONENTS Interpreter)
  if(Python3_Interpreter_FOUND)
    execute_process(
      COMMAND ${Python3_EXECUTABLE} -c
        "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])"
      OUTPUT_VARIABLE masked_rnn_torch_package OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    find_path(Torch_DIR TorchConfig.cmake
      PATHS ${masked_rnn_torch_package}/share/cmake/Torch NO_DEFAULT_PATH)
  endif()
endif()

set(MASKED_RNN_TORCH_VERSION "")
if(EXISTS ${Torch_DIR}/TorchConfigVersion.cmake)
  get_filename_component(masked_rnn_torch_root ${Torch_DIR}/../../.. ABSOLUTE)
  block(SCOPE_FOR VARIABLES PROPAGATE MASKED_RNN_TORCH_VERSION)
    include(${Torch_DIR}/TorchConfigVersion.cmake)
    set(MASKED_RNN_TORCH_VERSION ${PACKAGE_VERSION})
  endblock()
  set(MASKED_RNN_TORCH_LIBRARY_DIR ${masked_rnn_torch_root}/lib)

  if(NOT TARGET masked_rnn::torch)
    add_library(masked_rnn::torch INTERFACE IMPORTED GLOBAL)
    target_include_directories(masked_rnn::torch INTERFACE
      ${masked_rnn_torch_root}/include
      ${masked_rnn_torch_root}/include/torch/csrc/api/include)
    target_link_libraries(masked_rnn::torch INTERFACE
      ${MASKED_RNN_TORCH_LIBRARY_DIR}/libtorch_cpu.so
      ${MASKED_RNN_TORCH_LIBRARY_DIR}/libc10.so)
    # Some headers depend on how LibTorch was configured: the definitions of its target torch_cpu.
    file(READ ${Torch_DIR}/../Caffe2/Caffe2Targets.cmake masked_rnn_torch_targets)
    if(masked_rnn_torch_targets MATCHES "INTERFACE_COMPILE_DEFINITIONS \"([A-Z][^\"]*)\"")
      target_compile_definitions(masked_rnn::torch INTERFACE ${CMAKE_MATCH_1})
    endif()
  endif()
endif()
