// SPDX-License-Identifier: Apache-2.0
// The epilogue of an int8 layer has stages in a fixed order: affine, (quantize and dequantize), (add), (clamp),
// results. A layer takes in the steps that follow it as long as nobody else reads what lies between, and as long as
// their order is that of the stages.
#include <algorithm>
#include <utility>

#include "octet/deploy/program.h"

namespace octet::deploy {
namespace {

class Fuser {
 public:
  explicit Fuser(Program& program)
      : program_(program), reads_(program.tensors.size()), views_(program.tensors.size()), quantizers_(reads_.size()) {
    for (const TensorInfo& tensor : program.tensors) ++views_[static_cast<std::size_t>(tensor.storage)];
    for (std::size_t i = 0; i < program.steps.size(); ++i) {
      note(i);
      if (std::holds_alternative<Quantize>(program.steps[i].work))
        for (const Operand& operand : program.steps[i].inputs)
          quantizers_[static_cast<std::size_t>(operand.tensor)].push_back(i);
    }
  }

  void run() {
    // Backwards: of two layers whose results are added, the later one takes the addition.
    for (std::size_t i = program_.steps.size(); i-- > 0;)
      if (alive(i) && std::holds_alternative<Int8Conv>(program_.steps[i].work)) extend(i);
    drop_dead_steps();
  }

 private:
  enum class Stage { kAffine, kAdded, kClamped, kDone };

  bool alive(std::size_t i) const { return !program_.steps[i].name.empty() || program_.steps[i].output >= 0; }

  // Who reads a tensor, in so far as it matters: once there is one reader, `sum` is that step.
  struct Reads {
    std::size_t count = 0, sum = 0;
  };

  Reads& reads(int tensor) { return reads_[static_cast<std::size_t>(tensor)]; }
  void note(std::size_t i) {
    for (const Operand& operand : program_.steps[i].inputs) {
      ++reads(operand.tensor).count;
      reads(operand.tensor).sum += i;
    }
  }
  void forget(std::size_t i) {
    for (const Operand& operand : program_.steps[i].inputs) {
      --reads(operand.tensor).count;
      reads(operand.tensor).sum -= i;
    }
  }
  int storage(int tensor) const { return program_.tensors[static_cast<std::size_t>(tensor)].storage; }

  // Whether one step alone reads `tensor`: the network's output, and whoever reads the same memory in another shape,
  // are readers, too.
  bool has_one_reader(int tensor) const {
    return reads_[static_cast<std::size_t>(tensor)].count == 1 && tensor != program_.output &&
           views_[static_cast<std::size_t>(storage(tensor))] == 1;
  }
  std::optional<std::size_t> only_reader(int tensor) const {
    if (!has_one_reader(tensor)) return {};
    return reads_[static_cast<std::size_t>(tensor)].sum;
  }

  void erase(std::size_t i) {
    forget(i);
    program_.steps[i] = Step{};
  }

  // The layer takes the place of step `at`, which is later, so that everything it now reads is there.
  std::size_t move_to(std::size_t layer, std::size_t at) {
    forget(at);
    forget(layer);
    program_.steps[at] = std::exchange(program_.steps[layer], Step{});
    note(at);
    return at;
  }

  void extend(std::size_t i) {
    for (Stage stage = Stage::kAffine; stage != Stage::kDone;) {
      const int y = program_.steps[i].output;
      const std::optional<std::size_t> reader = only_reader(y);
      if (reader && take_clip(i, *reader, stage)) continue;
      if (reader && stage < Stage::kAdded && take_add(i, *reader, Operand{y, {}}, {}, stage)) continue;
      stage = take_quantize(i, stage);
    }
  }

  bool take_clip(std::size_t i, std::size_t reader, Stage& stage) {
    const Clip* const clip = std::get_if<Clip>(&program_.steps[reader].work);
    if (!clip || stage >= Stage::kClamped) return false;
    Step& step = program_.steps[i];
    kernels::Int8Epilogue& epilogue = std::get<Int8Conv>(step.work).epilogue;
    epilogue.low = clip->low;
    epilogue.high = clip->high;
    step.operation += " + " + program_.steps[reader].operation;
    step.output = program_.steps[reader].output;
    erase(reader);
    stage = Stage::kClamped;
    return true;
  }

  // `from` is what the addition reads of this layer; `inner` how it was quantized before.
  bool take_add(std::size_t& i, std::size_t reader, const Operand& from, std::optional<Int8Scale> inner, Stage& stage) {
    if (!std::holds_alternative<Add>(program_.steps[reader].work)) return false;
    const Step add = program_.steps[reader];
    const Operand& other = add.inputs[0].tensor == from.tensor ? add.inputs[1] : add.inputs[0];
    if (other.tensor == from.tensor) return false;
    i = move_to(i, reader);
    Step& step = program_.steps[i];
    kernels::Int8Epilogue& epilogue = std::get<Int8Conv>(step.work).epilogue;
    epilogue.inner = inner;
    epilogue.residual =
        other.scale ? kernels::Int8Epilogue::Residual::kQuantized : kernels::Int8Epilogue::Residual::kFloat;
    if (other.scale) epilogue.residual_scale = *other.scale;
    forget(i);
    step.inputs.push_back(other);
    note(i);
    step.operation += inner ? " + quantize + add" : " + add";
    step.output = add.output;
    step.quantized_output = -1;
    stage = Stage::kAdded;
    return true;
  }

  // Takes in one quantization of the result, and goes on after it if an addition is all that reads it.
  Stage take_quantize(std::size_t& i, Stage stage) {
    Step& step = program_.steps[i];
    const std::vector<std::size_t>& all = quantizers_[static_cast<std::size_t>(step.output)];
    const auto found = std::ranges::find_if(all, [&](std::size_t r) { return alive(r); });
    if (found == all.end()) return Stage::kDone;
    const Int8Scale scale = std::get<Quantize>(program_.steps[*found].work).scale;
    const int q = program_.steps[*found].output;
    const bool alone = has_one_reader(step.output);
    if (const std::optional<std::size_t> reader = only_reader(q); alone && reader && stage == Stage::kAffine) {
      for (const Operand& operand : program_.steps[*reader].inputs)
        if (operand.tensor == q && operand.scale && operand.scale->scale == scale.scale &&
            operand.scale->zero_point == scale.zero_point) {
          const std::size_t quantize = *found;
          if (!take_add(i, *reader, operand, scale, stage)) break;
          erase(quantize);
          return stage;
        }
    }
    std::get<Int8Conv>(step.work).epilogue.output = scale;
    step.quantized_output = q;
    step.operation += " + quantize";
    if (alone) step.output = -1;
    erase(*found);
    return Stage::kDone;
  }

  void drop_dead_steps() {
    std::vector<bool> read(program_.tensors.size(), false);  // by storage
    const auto is_read = [&](int tensor) { return tensor >= 0 && read[static_cast<std::size_t>(storage(tensor))]; };
    read[static_cast<std::size_t>(storage(program_.output))] = true;
    std::vector<Step> kept;
    for (std::size_t i = program_.steps.size(); i-- > 0;) {
      Step& step = program_.steps[i];
      if (!is_read(step.output) && !is_read(step.quantized_output)) continue;
      for (const Operand& operand : step.inputs)
        if (operand.tensor >= 0) read[static_cast<std::size_t>(storage(operand.tensor))] = true;
      kept.push_back(std::move(step));
    }
    std::ranges::reverse(kept);
    program_.steps = std::move(kept);
  }

  Program& program_;
  std::vector<Reads> reads_;                          // of each tensor
  std::vector<int> views_;                            // tensors of each storage
  std::vector<std::vector<std::size_t>> quantizers_;  // steps that quantize each tensor
};

// What additions that no layer took in read in u8 is dequantized first.
void let_additions_read_floats(Program& program) {
  std::vector<Step> steps;
  for (Step& step : program.steps) {
    if (std::holds_alternative<Add>(step.work))
      for (Operand& operand : step.inputs) {
        if (!operand.scale) continue;
        Step dequantize{step.name, "dequantize", Dequantize{}, {operand}, static_cast<int>(program.tensors.size()), -1};
        program.tensors.push_back(
            {program.tensors[static_cast<std::size_t>(operand.tensor)].shape, false, dequantize.output});
        operand = {dequantize.output, {}};
        steps.push_back(std::move(dequantize));
      }
    steps.push_back(std::move(step));
  }
  program.steps = std::move(steps);
}

}  // namespace

void fuse(Program& program) {
  Fuser(program).run();
  let_additions_read_floats(program);
  for (Step& step : program.steps)
    if (Int8Conv* const conv = std::get_if<Int8Conv>(&step.work)) conv->epilogue.keeps_float = step.output >= 0;
}

}  // namespace octet::deploy
