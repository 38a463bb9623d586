// SPDX-License-Identifier: Apache-2.0
// A network as steps over tensors: what lies between the Graph and the kernels. Private to the room.
//
// lower() turns the graph into one step per op, with quantization folded: a value that was dequantized is read as the
// u8 tensor it came from wherever a step can. What a node becomes is in execute_conv.cpp and its siblings, one function
// per op. fuse() moves what follows an int8 layer into it. in_slices() lets the first steps run for a part of the batch
// at a time. plan.h binds the steps to kernels and memory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "octet/deploy/shared_constants.h"
#include "octet/graph/graph.h"
#include "octet/graph/obstacle.h"
#include "octet/kernels/core/conv_shape.h"
#include "octet/kernels/int8/int8_epilogue.h"
#include "octet/kernels/quantize/quantize.h"

namespace octet::deploy {

using kernels::Int8Scale;

/// Float or u8 values. 4-D tensors lie channels-last, others row-major.
struct TensorInfo {
  Shape shape;
  bool quantized = false;
  int storage = -1;   ///< tensors that are views of one memory have one
  bool part = false;  ///< of a storage that holds the whole batch; this is one slice's
  std::int64_t bytes() const { return element_count(shape) * (quantized ? 1 : 4); }
};

/// A tensor as a step reads it; u8 ones with what they stand for.
struct Operand {
  int tensor = -1;
  std::optional<Int8Scale> scale = {};
};

// What fusion looks into. Shapes are those of whole batches, or of a slice.
struct LoadInput {};  ///< x as it was given -> channels-last
struct Quantize {
  Int8Scale scale;
  bool from_input;  ///< reads x as it was given
};
struct Dequantize {};
struct Int8Conv {
  kernels::ConvShape shape;
  bool transposed = false;
  SharedConstants::Integers weights;
  kernels::Int8Epilogue epilogue;
};
struct Clip {
  float low, high;
};
struct Add {};

class Binding;
struct Memory;
/// What a run calls: reads and writes tensors in that run's memory.
using Run = std::function<void(const Memory&)>;

/// Everything else: what no fusion looks into.
struct Computation {
  /// Binds it to kernels and memory, for one batch and number of threads.
  std::function<Run(Binding&)> bind;
  std::int64_t constant_bytes = 0;  ///< of what it has for itself; weights are shared
  /// Float layers get a kernel, and with it the order of their sums, for their batch: they run for all of it.
  bool for_whole_batch = false;
};

using Work = std::variant<LoadInput, Quantize, Dequantize, Int8Conv, Clip, Add, Computation>;

struct Step {
  std::string name, operation;
  Work work;
  std::vector<Operand> inputs;  ///< an Int8Conv with a residual reads it second
  int output = -1;              ///< tensor; of an Int8Conv the float result, or -1
  int quantized_output = -1;    ///< of an Int8Conv: the u8 result, or -1
};

struct Program {
  std::vector<TensorInfo> tensors;
  std::vector<Step> steps;
  int output = -1;  ///< a float tensor
  /// The first steps are for a slice of the batch, and run once for each.
  std::size_t sliced_steps = 0;
  std::int64_t slices = 1;
};

/// The graph with constants that are added to the result of a layer as the layer's bias. Shapes are inferred.
Graph fold_bias(Graph graph);
/// The program for `graph` with shapes inferred; it takes weights from `shared`. Throws Error, naming the node. With
/// `found`, nodes that are not supported are noted there; the program then lacks them, and may have more than one
/// input.
Program lower(const Graph& graph, SharedConstants& shared, Obstacles* found = nullptr);
Program lower(const Graph& graph);
/// Moves what follows int8 layers into them, where it gives the same bits; drops steps that nothing reads. What is
/// left of additions reads floats.
void fuse(Program& program);

/// How many steps of a program run for how many inputs at a time.
struct Slicing {
  std::size_t steps = 0;
  std::int64_t inputs = 1;
};
/// For a program that is for `batch` inputs.
Slicing choose_slicing(const Program& program, std::int64_t batch, int threads);
/// `whole` with its first steps taken from `slice`, the same program for `slicing.inputs` inputs of `batch`; `whole`
/// itself where inputs are not computed independently of each other.
Program in_slices(Program whole, const Program& slice, const Slicing& slicing, std::int64_t batch);

}  // namespace octet::deploy
