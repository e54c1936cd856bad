// The main of every C++ test program.
#include <gtest/gtest.h>

#include <cstdlib>

int main(int argc, char** argv) {
  ::setenv("MASKED_RNN_LEAST_WORK", "1", /*overwrite=*/0);  // the layers of tests are small
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
