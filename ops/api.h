// Marks what libmasked_rnn.so shows to programs; everything else in it is hidden.
#pragma once

#define MASKED_RNN_API __attribute__((visibility("default")))
