// SPDX-License-Identifier: Apache-2.0
// octet run, bench and eval with ONNX files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <sstream>
#include <string>

#include "octet/base/file.h"
#include "octet/config/document.h"

namespace octet {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const std::string kModel = std::string(OCTET_TEST_DATA) + "/onnx/resnet20_ort_qdq_u8s8.onnx";

struct Answer {
  int exit_code;
  std::string output;  // standard error included
};

Answer octet(const std::string& arguments, const std::string& environment = "") {
  FILE* const pipe = popen((environment + ' ' + OCTET_COMMAND + ' ' + arguments + " 2>&1").c_str(), "r");
  Answer answer{-1, {}};
  char buffer[4096];
  while (const std::size_t count = fread(buffer, 1, sizeof buffer, pipe)) answer.output.append(buffer, count);
  const int status = pclose(pipe);
  if (WIFEXITED(status)) answer.exit_code = WEXITSTATUS(status);
  return answer;
}

std::string experiment_file() {
  const std::string path = testing::TempDir() + "/deploy_command.yaml";
  write_file_atomically(path, R"(name: deployed
model: {name: resnet20}
data: {kind: synthetic, train_samples: 8, test_samples: 40, size: 32, channels: 3, classes: 10}
epochs: 1
batch_size: 8
optimizer: {name: sgd, lr: 0.1}
)");
  return path;
}

TEST(OctetBench, PrintsOneLinePerLayerAndASum) {
  const std::string arguments = "bench " + kModel + " --batch 2 --threads 1 --repetitions 2";
  const Answer wide = octet(arguments, "COLUMNS=200");
  EXPECT_EQ(wide.exit_code, 0) << wide.output;
  EXPECT_THAT(wide.output, AllOf(HasSubstr("GOP/s"), HasSubstr("/layers/layers.8/conv2/Conv"),
                                 HasSubstr("conv2d + quantize + add + quantize"), HasSubstr("batch 2, 1 thread: ")));
  const Answer narrow = octet(arguments, "COLUMNS=");
  EXPECT_THAT(narrow.output, HasSubstr("GOP/s"));
  std::istringstream lines(narrow.output);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
}

TEST(OctetBench, GivesOneLineOfJson) {
  const Answer answer = octet("bench " + kModel + " --batch 2 --threads 1 --repetitions 2 --json");
  EXPECT_EQ(answer.exit_code, 0) << answer.output;
  const Document line = parse_json(answer.output, "octet bench");
  EXPECT_EQ(line.at("batch").as_integer(), 2);
  EXPECT_EQ(line.at("threads").as_integer(), 1);
  EXPECT_GT(line.at("milliseconds").as_real(), 0.0);
  EXPECT_GT(line.at("peak_bytes").as_integer(), 1 << 20);
  const Document& layer = line.at("layers").items().at(1);
  EXPECT_EQ(layer.at("operation").as_string(), "conv2d + quantize");
  EXPECT_GT(layer.at("milliseconds").as_real(), 0.0);
}

TEST(OctetEval, EvaluatesAnOnnxFileOnAnExperimentsTestData) {
  const Answer answer = octet("eval " + kModel + " --data " + experiment_file());
  EXPECT_EQ(answer.exit_code, 0) << answer.output;
  EXPECT_THAT(answer.output, HasSubstr("40 test images: accuracy "));
}

TEST(OctetEval, SaysHowAnExperimentIsNamed) {
  const Answer answer = octet("eval " + kModel);
  EXPECT_EQ(answer.exit_code, 1);
  EXPECT_THAT(answer.output,
              HasSubstr("its metadata has no \"experiment\", as files that Octet wrote do; name one with "
                        "--experiment FILE.yaml\n"));
}

TEST(OctetRun, TakesSizeAndChannelsOfAForeignModelFromTheModel) {
  const std::string arguments = "run " + kModel + ' ' + OCTET_TEST_DATA + "/images/rgb.png --top 10";
  const Answer answer = octet(arguments);
  EXPECT_EQ(answer.exit_code, 0) << answer.output;
  EXPECT_EQ(std::count(answer.output.begin(), answer.output.end(), '\n'), 11) << answer.output;
  const Answer normalized = octet(arguments + " --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225");
  EXPECT_EQ(normalized.exit_code, 0) << normalized.output;
  EXPECT_NE(normalized.output, answer.output);
  const Answer middle = octet(arguments + " --size 40");
  EXPECT_EQ(middle.exit_code, 0) << middle.output;
  EXPECT_NE(middle.output, answer.output);
  EXPECT_EQ(octet(arguments + " --mean 0 --std 1").output, answer.output);
}

TEST(OctetRun, NamesClassesFromAFile) {
  const std::string names = testing::TempDir() + "/names.txt";
  write_file_atomically(names, "n0\nn1\nn2\nn3\nn4\nn5\nn6\nn7\nn8\nn9\n");
  const std::string arguments = "run " + kModel + ' ' + OCTET_TEST_DATA + "/images/rgb.png --classes ";
  EXPECT_THAT(octet(arguments + names).output, HasSubstr(" %  n"));
  write_file_atomically(names, "one\ntwo\n");
  EXPECT_THAT(octet(arguments + names).output,
              HasSubstr("the network has 10 classes, but 2 names were given for them"));
}

TEST(OctetRun, RefusesWhatDoesNotFit) {
  const std::string arguments = "run " + kModel + ' ' + OCTET_TEST_DATA + "/images/rgb.png ";
  for (const char* options : {"--size 16", "--mean 0.1,0.2", "--std 0", "--std 1,2,3,4"}) {
    const Answer answer = octet(arguments + options);
    EXPECT_EQ(answer.exit_code, 1) << options << answer.output;
  }
  EXPECT_EQ(octet(arguments + "--mean 0.5 --experiment " + experiment_file()).exit_code, 2);
}

TEST(OctetRun, ShowsClassesOfAnImage) {
  const Answer answer =
      octet("run " + kModel + ' ' + OCTET_TEST_DATA + "/images/rgb.png --top 2 --experiment " + experiment_file());
  // The picture has another size than the network takes: the message says both.
  EXPECT_EQ(answer.exit_code, 1);
  EXPECT_THAT(answer.output, HasSubstr("the network takes images of [-1, 3, 32, 32]"));
}

// 224 bytes: an int8 convolution of one image.
TEST(OctetBench, RefusesASmallFileThatAsksForMuchMemory) {
  const Answer answer = octet("bench " + std::string(OCTET_TEST_DATA) + "/onnx/declares_46340x46340.onnx");
  EXPECT_EQ(answer.exit_code, 1);
  EXPECT_THAT(answer.output, HasSubstr("onnx.y: a run for 1 input of [1, 1, 46340, 46340] takes 27916142848 bytes, "
                                       "most of them here; the limit is 4294967296"));
}

TEST(OctetBench, RefusesWhatIsNoModel) {
  const Answer answer = octet("bench " + std::string(OCTET_TEST_DATA) + "/images/rgb.png");
  EXPECT_EQ(answer.exit_code, 1);
  EXPECT_THAT(answer.output, HasSubstr("rgb.png: this is an image, not an ONNX model"));
  const std::string run = testing::TempDir();
  const std::string advice = ": is a directory, not an ONNX model; octet deploy leaves that of a run in ";
  EXPECT_THAT(octet("bench " + run).output, HasSubstr(run + advice + run + "deploy_model.onnx"));
  EXPECT_THAT(octet("run " + run + " x.png").output, HasSubstr(run + advice));
}

}  // namespace
}  // namespace octet
