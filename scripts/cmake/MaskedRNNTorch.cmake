# Finds LibTorch: in CMAKE_PREFIX_PATH, else inside the active Python environment.
set(MASKED_RNN_TORCH_VERSION 2.13 CACHE INTERNAL "the LibTorch minor version built and tested against")

if(NOT DEFINED Torch_DIR)
  find_package(Python3 COMPONENTS Interpreter)
  if(Python3_Interpreter_FOUND)
    execute_process(
      COMMAND ${Python3_EXECUTABLE} -c "import importlib.util as u, os; print(os.path.dirname(u.find_spec('torch').origin))"
      OUTPUT_VARIABLE masked_rnn_torch_folder OUTPUT_STRIP_TRAILING_WHITESPACE
      RESULT_VARIABLE masked_rnn_torch_absent ERROR_QUIET)
    if(NOT masked_rnn_torch_absent)
      list(APPEND CMAKE_PREFIX_PATH ${masked_rnn_torch_folder}/share/cmake)
    endif()
  endif()
endif()

find_package(Torch CONFIG REQUIRED)
if(NOT Torch_VERSION MATCHES "^${MASKED_RNN_TORCH_VERSION}(\\.|$)")
  message(WARNING "masked_rnn is built and tested against LibTorch ${MASKED_RNN_TORCH_VERSION}; "
                  "found ${Torch_VERSION} in ${Torch_DIR}")
endif()
get_filename_component(MASKED_RNN_TORCH_LIBRARY_DIR ${TORCH_LIBRARY} DIRECTORY)
