// SPDX-License-Identifier: Apache-2.0
// The epilogue of an int8 layer has stages in a fixed order: affine, (quantize and dequantize), (add), (clamp),
// results. A layer takes in the steps that follow it as long as nobody else reads what lies between, and as long as
// their order is that of the stages.
#include <algorithm>

#include "octet/deploy/program.h"

namespace octet::deploy {
namespace {

class Fuser {
 public:
  explicit Fuser(Program& program) : program_(program) {}

  void run() {
    // Backwards: of two layers whose results are added, the later one takes the addition.
    for (std::size_t i = program_.steps.size(); i-- > 0;)
      if (alive(i) && std::holds_alternative<Int8Conv>(program_.steps[i].work)) extend(i);
    drop_dead_steps();
  }

 private:
  enum class Stage { kAffine, kAdded, kClamped, kDone };

  bool alive(std::size_t i) const { return !program_.steps[i].name.empty() || program_.steps[i].output >= 0; }

  std::vector<std::size_t> readers(int tensor) const {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < program_.steps.size(); ++i)
      for (const Operand& operand : program_.steps[i].inputs)
        if (operand.tensor == tensor) found.push_back(i);
    // The network's output, and whoever reads the same memory in another shape, are readers, too.
    if (tensor == program_.output) found.push_back(program_.steps.size());
    for (std::size_t t = 0; t < program_.tensors.size(); ++t)
      if (static_cast<int>(t) != tensor && program_.tensors[t].storage == storage(tensor))
        found.push_back(program_.steps.size());
    return found;
  }
  int storage(int tensor) const { return program_.tensors[static_cast<std::size_t>(tensor)].storage; }

  // The step that alone reads `tensor`, or none.
  std::optional<std::size_t> only_reader(int tensor) const {
    const std::vector<std::size_t> all = readers(tensor);
    if (all.size() != 1 || all[0] == program_.steps.size()) return {};
    return all[0];
  }

  void erase(std::size_t i) { program_.steps[i] = Step{}; }

  // The layer takes the place of step `at`, which is later, so that everything it now reads is there.
  std::size_t move_to(std::size_t layer, std::size_t at) {
    program_.steps[at] = std::move(program_.steps[layer]);
    erase(layer);
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
    step.inputs.push_back(other);
    step.operation += inner ? " + quantize + add" : " + add";
    step.output = add.output;
    step.quantized_output = -1;
    stage = Stage::kAdded;
    return true;
  }

  // Takes in one quantization of the result, and goes on after it if an addition is all that reads it.
  Stage take_quantize(std::size_t& i, Stage stage) {
    Step& step = program_.steps[i];
    const std::vector<std::size_t> all = readers(step.output);
    const auto found = std::ranges::find_if(all, [&](std::size_t r) {
      return r < program_.steps.size() && std::holds_alternative<Quantize>(program_.steps[r].work);
    });
    if (found == all.end()) return Stage::kDone;
    const Int8Scale scale = std::get<Quantize>(program_.steps[*found].work).scale;
    const int q = program_.steps[*found].output;
    const bool alone = all.size() == 1;
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
