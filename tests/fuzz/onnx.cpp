// SPDX-License-Identifier: Apache-2.0
// read_onnx on arbitrary bytes; what it accepts can be written and read again, and then becomes steps over buffers that
// lie within their arena.
#include "octet/deploy/plan.h"
#include "octet/deploy/program.h"
#include "octet/graph/infer_shapes.h"
#include "octet/graph/onnx_reader.h"
#include "octet/graph/onnx_writer.h"

#include "fuzz_target.h"

void octet::fuzz(std::string_view bytes) {
  Graph graph = read_onnx(bytes, "fuzz");
  const Graph again = read_onnx(write_onnx(graph), "written");
  if (again.nodes.size() != graph.nodes.size()) std::abort();
  std::vector<Shape> shapes;
  for (const int input : graph.inputs) {
    shapes.push_back(graph.values[static_cast<std::size_t>(input)].shape);
    for (std::int64_t& size : shapes.back())
      if (size < 0) size = 1;
  }
  infer_shapes(graph, shapes);
  deploy::Program program = deploy::lower(deploy::fold_bias(std::move(graph)));
  deploy::fuse(program);
  const deploy::ArenaLayout layout = deploy::lay_out(program);
  for (const deploy::Step& step : program.steps)
    for (const int tensor : {step.output, step.quantized_output})
      if (tensor >= 0 &&
          layout.offsets[static_cast<std::size_t>(tensor)] + program.tensors[static_cast<std::size_t>(tensor)].bytes() >
              layout.bytes)
        std::abort();
}
