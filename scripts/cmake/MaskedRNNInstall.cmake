# What `cmake --install` puts where, and the CMake package MaskedRNN. Component `library` is what
# stands in the Python package's folder, component `tools` is the command line.
include(CMakePackageConfigHelpers)

# $ORIGIN is the folder of the file that looks. ../../torch/lib is LibTorch beside the Python package.
set(MASKED_RNN_INSTALL_RPATH ${MASKED_RNN_TORCH_LIBRARY_DIR} CACHE STRING
  "Where installed libraries and programs look for LibTorch and for each other, after the usual places")
set_target_properties(masked_rnn masked_rnn_models PROPERTIES
  INSTALL_RPATH "$ORIGIN;$ORIGIN/../../torch/lib;${MASKED_RNN_INSTALL_RPATH}")

# What programs link, as masked_rnn::masked_rnn. Those that only load a TorchScript model name no symbol
# of the operators; the library must stay all the same.
add_library(masked_rnn_for_programs INTERFACE)
target_link_options(masked_rnn_for_programs INTERFACE LINKER:--no-as-needed)
target_link_libraries(masked_rnn_for_programs INTERFACE masked_rnn masked_rnn_models)
target_link_libraries(masked_rnn PUBLIC $<INSTALL_INTERFACE:masked_rnn::torch>)

set_target_properties(masked_rnn PROPERTIES EXPORT_NAME operators)
set_target_properties(masked_rnn_models PROPERTIES EXPORT_NAME models)
set_target_properties(masked_rnn_for_programs PROPERTIES EXPORT_NAME masked_rnn)
install(TARGETS masked_rnn masked_rnn_models masked_rnn_for_programs EXPORT MaskedRNNTargets
  LIBRARY DESTINATION lib COMPONENT library
  FILE_SET HEADERS DESTINATION include COMPONENT library)
install(FILES masked_rnn.h DESTINATION include/masked_rnn COMPONENT library)

install(EXPORT MaskedRNNTargets
  NAMESPACE masked_rnn:: DESTINATION share/cmake/MaskedRNN COMPONENT library)
configure_package_config_file(
  scripts/cmake/MaskedRNNConfig.cmake.in ${PROJECT_BINARY_DIR}/MaskedRNNConfig.cmake
  INSTALL_DESTINATION share/cmake/MaskedRNN)
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/MaskedRNNConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/MaskedRNNConfig.cmake
  ${PROJECT_BINARY_DIR}/MaskedRNNConfigVersion.cmake
  scripts/cmake/MaskedRNNTorch.cmake
  DESTINATION share/cmake/MaskedRNN COMPONENT library)

if(TARGET masked-rnn)
  set_target_properties(masked-rnn PROPERTIES
    INSTALL_RPATH "$ORIGIN/../lib;${MASKED_RNN_INSTALL_RPATH}")
  install(TARGETS masked-rnn RUNTIME DESTINATION bin COMPONENT tools)
endif()
