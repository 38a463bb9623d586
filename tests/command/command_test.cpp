// SPDX-License-Identifier: Apache-2.0
// The octet command as a user meets it: what it prints, and its exit codes.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "octet/base/file.h"
#include "octet/config/document.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// The command as a child process with its output, standard error included, in a pipe.
class Command {
 public:
  /// `prepare` is called in the child before the command starts.
  Command(const fs::path& directory, std::vector<std::string> arguments, const std::function<void()>& prepare = {}) {
    int ends[2];
    if (pipe(ends) != 0) ADD_FAILURE() << "no pipe";
    process_ = fork();
    if (process_ == 0) {
      dup2(ends[1], STDOUT_FILENO);
      dup2(ends[1], STDERR_FILENO);
      close(ends[0]);
      close(ends[1]);
      if (prepare) prepare();
      fs::current_path(directory);
      std::vector<char*> argv;
      arguments.insert(arguments.begin(), "octet");
      for (std::string& argument : arguments) argv.push_back(argument.data());
      argv.push_back(nullptr);
      execv(OCTET_COMMAND, argv.data());
      _exit(127);
    }
    close(ends[1]);
    output_ = fdopen(ends[0], "r");
  }
  ~Command() {
    std::fclose(output_);
    if (process_ > 0) {
      kill(process_, SIGKILL);
      waitpid(process_, nullptr, 0);
    }
  }
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  /// Everything up to the first line that contains `what`, or to the end.
  std::string read_until(const std::string& what) {
    std::string all, line;
    for (int c = std::fgetc(output_); c != EOF; c = std::fgetc(output_)) {
      line += static_cast<char>(c);
      if (c != '\n') continue;
      all += line;
      if (line.find(what) != std::string::npos) return all;
      line.clear();
    }
    return all + line;
  }
  std::string read_all() {
    std::string all;
    for (int c = std::fgetc(output_); c != EOF; c = std::fgetc(output_)) all += static_cast<char>(c);
    return all;
  }
  void send(int signal) { kill(process_, signal); }
  int exit_code() {
    int status = 0;
    waitpid(process_, &status, 0);
    process_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  pid_t process_ = -1;
  std::FILE* output_ = nullptr;
};

class OctetCommand : public testing::Test {
 protected:
  OctetCommand()
      : directory_(fs::path(testing::TempDir()) /
                   (std::string("command_") + testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::remove_all(directory_);
    fs::create_directories(directory_);
  }
  ~OctetCommand() override { fs::remove_all(directory_); }

  struct Result {
    int code;
    std::string output;
  };
  Result run(std::vector<std::string> arguments, const std::function<void()>& prepare = {}) {
    Command command(directory_, std::move(arguments), prepare);
    std::string output = command.read_all();
    return {command.exit_code(), output};
  }
  Document manifest(const std::string& run) const {
    return parse_json(read_file(directory_ / run / "manifest.json", 1 << 20), "manifest");
  }

  const std::string experiment_ = OCTET_SOURCE_DIR "/experiments/synthetic_smoke.yaml";
  const std::vector<std::string> train_ = {
      "train", experiment_, "--set", "data.train_samples=64", "--set", "data.test_samples=16", "--set", "epochs=2"};
  fs::path directory_;
};

TEST_F(OctetCommand, TellsItsVersionAndHelp) {
  EXPECT_THAT(run({"--version"}).output, StartsWith("octet "));
  const Result help = run({"train", "--help"});
  EXPECT_EQ(help.code, 0);
  for (const char* option : {"EXPERIMENT", "--set KEY=VALUE", "--resume", "--run-dir DIR", "--threads N"})
    EXPECT_THAT(help.output, HasSubstr(option));
  EXPECT_THAT(run({"--help"}).output,
              HasSubstr("Exit codes: 0 success, 1 error, 2 wrong usage, 130 stopped by Ctrl-C"));
}

TEST_F(OctetCommand, TellsWhatComputes) {
  const Result info = run({"info", "--threads", "3"});
  EXPECT_EQ(info.code, 0);
  for (const char* line : {"oneDNN      ", "ISA         ", "CPU         ", "threads     3\n"})
    EXPECT_THAT(info.output, HasSubstr(line));
}

TEST_F(OctetCommand, AnswersWrongUsageWithTwo) {
  EXPECT_EQ(run({}).code, 2);
  EXPECT_EQ(run({"tran"}).code, 2);
  EXPECT_EQ(run({"train"}).code, 2);
  EXPECT_EQ(run({"train", "x.yaml", "--threads", "0"}).code, 2);
  EXPECT_THAT(run({"tran", "x.yaml"}).output, HasSubstr("unknown subcommand \"tran\"; did you mean \"train\"?\n"));
  EXPECT_THAT(run({"train", "--resum"}).output, HasSubstr("unknown option \"--resum\"; did you mean \"--resume\"?\n"));
  EXPECT_THAT(run({"eval", "a", "--experimnt=x"}).output,
              HasSubstr("unknown option \"--experimnt\"; did you mean \"--experiment\"?\n"));
  EXPECT_THAT(run({"--versio"}).output, HasSubstr("did you mean \"--version\"?\n"));
  EXPECT_EQ(run({"eval", "a", "b"}).code, 2);
  const Result result = run({"train", "x.yaml", "--set", "epochs"});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.output, HasSubstr(R"(--set: expected KEY=VALUE, got "epochs")"));
}

TEST_F(OctetCommand, AnswersErrorsWithOneAndTheReason) {
  const Result missing = run({"train", "none.yaml"});
  EXPECT_EQ(missing.code, 1);
  EXPECT_EQ(missing.output, "octet: none.yaml: cannot open: No such file or directory\n");
  const Result wrong = run({"train", experiment_, "--set", "optimizer.momentun=0.9"});
  EXPECT_EQ(wrong.code, 1);
  EXPECT_EQ(wrong.output,
            "octet: --set optimizer.momentun: unknown key \"momentun\" in optimizer; did you mean \"momentum\"?\n");
}

TEST_F(OctetCommand, TrainsEvaluatesAndPredicts) {
  const Result trained = run(train_);
  EXPECT_EQ(trained.code, 0) << trained.output;
  EXPECT_THAT(trained.output, HasSubstr("run directory: runs/synthetic_smoke\n"));
  EXPECT_THAT(trained.output, HasSubstr("\n      1/2  "));
  std::istringstream lines(trained.output.substr(trained.output.find("    epoch  ")));
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
  EXPECT_THAT(trained.output, HasSubstr("\n      2/2  "));
  EXPECT_THAT(trained.output, HasSubstr("test accuracy "));
  EXPECT_THAT(trained.output,
              HasSubstr(manifest("runs/synthetic_smoke").at("result").at("weights_sha256").as_string()));
  EXPECT_EQ(trained.output.find('\x1b'), std::string::npos) << "escape sequences are for terminals";

  const Result evaluated = run({"eval", "runs/synthetic_smoke"});
  EXPECT_EQ(evaluated.code, 0);
  EXPECT_THAT(evaluated.output, StartsWith("16 test images: accuracy "));
  const Result other = run({"eval", "runs/synthetic_smoke", "--set", "model.zero_init_residual=true"});
  EXPECT_EQ(other.code, 1);
  EXPECT_EQ(other.output,
            "octet: --set cannot change the network that was trained (model.zero_init_residual: false and true)\n");

  const Result refused = run({"predict", "runs/synthetic_smoke", OCTET_TEST_DATA "/images/rgb.png"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.output, StartsWith("octet: predict: the network was trained on images of [3, 16, 16]"));
}

TEST_F(OctetCommand, PredictsImagesThatTheTransformsFit) {
  std::vector<std::string> arguments = train_;
  for (const char* value : {"test_transforms=[{name: resize, size: 16}]", "run_dir=here"}) {
    arguments.push_back("--set");
    arguments.push_back(value);
  }
  EXPECT_EQ(run(arguments).code, 0);
  const Result predicted = run({"predict", "here", OCTET_TEST_DATA "/images/rgb.png", "--top", "2"});
  EXPECT_EQ(predicted.code, 0) << predicted.output;
  EXPECT_EQ(std::count(predicted.output.begin(), predicted.output.end(), '\n'), 3) << predicted.output;
  EXPECT_THAT(predicted.output, StartsWith(OCTET_TEST_DATA "/images/rgb.png\n"));
}

TEST_F(OctetCommand, WritesQuantizationConfigurations) {
  write_file_atomically(directory_ / "quant.cfg", "skip_layers: 'fc'");
  const Result named =
      run({"quantize-config", "resnet8", "--input", "1,28,28", "--definition", "quant.cfg", "--out", "a/q.json"});
  EXPECT_EQ(named.code, 0) << named.output;
  EXPECT_THAT(named.output, HasSubstr("layer1.0.conv1         Conv2d  quantized\n"));
  EXPECT_THAT(named.output, HasSubstr("fc                     Linear  skipped: the configuration skips it\n"));
  EXPECT_THAT(named.output, Not(HasSubstr("warning")));
  EXPECT_THAT(named.output, HasSubstr("9 of 10 layers are quantized: a/q.json\n"));
  const Document config = parse_json(read_file(directory_ / "a/q.json", 1 << 20), "q.json");
  EXPECT_FALSE(config.at("fc").at("retrain_enable").as_bool());

  ASSERT_EQ(run(train_).code, 0);
  const Result trained = run({"quantize-config", "runs/synthetic_smoke"});
  EXPECT_EQ(trained.code, 0) << trained.output;
  EXPECT_THAT(trained.output, HasSubstr("layers are quantized: quant.json\n"));

  const Result wrong = run({"quantize-config", "resnet21"});
  EXPECT_EQ(wrong.code, 1);
  EXPECT_EQ(wrong.output,
            "octet: quantize-config: \"resnet21\" is no run directory, weights file or network; did you mean "
            "\"resnet20\"?\n");
}

TEST_F(OctetCommand, RetrainsWithQuantization) {
  ASSERT_EQ(run(train_).code, 0);
  std::vector<std::string> retrain = train_;
  retrain[0] = "retrain";
  const Result plain = run(retrain);
  EXPECT_EQ(plain.code, 1);
  EXPECT_EQ(plain.output, "octet: " + experiment_ + ": the experiment has no quantization; octet train runs it\n");

  for (const char* const setting :
       {"name=q", "quantization.weights=runs/synthetic_smoke", "quantization.shortcuts=true",
        "quantization.definition={skip_layers: [fc]}", "optimizer.lr=0.01"})
    retrain.insert(retrain.end(), {"--set", setting});
  const Result result = run(retrain);
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("quantized: 9 of 10 layers\n"
                                       "not quantized: fc: the configuration skips it\n"
                                       "run directory: runs/q\n"));
  EXPECT_EQ(manifest("runs/q").at("quantization").at("warnings").items().size(), 0U);
  EXPECT_EQ(manifest("runs/q").at("quantization").at("layers").items().size(), 10U);
  EXPECT_THAT(result.output,
              HasSubstr("\nlayer                   clip min   clip max       scale  offset    clipped\n"));
  EXPECT_THAT(result.output, HasSubstr("\nlayer2.0.downsample.0  "));
  EXPECT_THAT(result.output, HasSubstr("\nfloat  "));
  EXPECT_THAT(result.output, HasSubstr("\n8 bits, retrained  "));
  EXPECT_THAT(result.output, HasSubstr(manifest("runs/q").at("result").at("weights_sha256").as_string()));
  EXPECT_TRUE(fs::exists(directory_ / "runs/q/quant_config.json"));
  EXPECT_TRUE(fs::exists(directory_ / "runs/q/record.txt"));
  EXPECT_EQ(run({"eval", "runs/q"}).code, 0);
  EXPECT_EQ(run({"eval", "runs/q", "--set", "quantization.shortcuts=false"}).output,
            "octet: --set cannot change the network that was trained (quantization.shortcuts: true and false)\n");

  std::vector<std::string> wide = retrain;
  wide.insert(wide.end(), {"--set", "name=wide", "--set",
                           "quantization.definition={retrain_data_quant_config: {ulq_quantize: {dst_type: INT16}}}"});
  EXPECT_THAT(run(wide).output,
              AllOf(HasSubstr("\n  conv1 (conv2d): activations of 16 bits cannot be deployed, only of 8\n"),
                    HasSubstr("octet retrain --no-deploy"), Not(HasSubstr("train loss"))));
  wide.push_back("--no-deploy");
  EXPECT_EQ(run(wide).code, 0);
  EXPECT_EQ(run({"deploy", "runs/wide"}).code, 1);

  std::vector<std::string> other = retrain;
  other.insert(other.end(),
               {"--set", "train_transforms[2].mean=[0.1, 0.5, 0.5]", "--set", "epochs=1", "--run-dir", "o"});
  EXPECT_THAT(
      run(other).output,
      HasSubstr("\nwarning: train_transforms.normalize.mean: [0.1, 0.5, 0.5] here, [0.5, 0.5, 0.5] in the float "
                "network "));

  retrain.insert(retrain.end(), {"--set", "epochs=100000", "--run-dir", "stopped"});
  Command command(directory_, retrain);
  command.read_until("train loss");
  command.send(SIGINT);
  EXPECT_THAT(command.read_all(), HasSubstr("octet retrain stopped/experiment.json --resume --run-dir stopped\n"));
  EXPECT_EQ(command.exit_code(), 130);

  const Result early = run({"report", "runs/q"});
  EXPECT_EQ(early.output, "octet: runs/q/deploy_model.onnx: there is no such file; octet deploy runs/q makes it\n");
  const Result deployed = run({"deploy", "runs/q"});
  EXPECT_EQ(deployed.code, 0) << deployed.output;
  EXPECT_THAT(deployed.output, HasSubstr(" MB  runs/q/deploy_model.onnx  (int8, QDQ)\n"));
  EXPECT_EQ(run({"eval", "runs/q/deploy_model.onnx"}).output, run({"eval", "runs/q"}).output);
  EXPECT_EQ(run({"deploy", "runs/q", "--format", "tflite"}).code, 2);
  const Result report = run({"report", "runs/q", "--threads", "1", "--seconds", "0.1"});
  EXPECT_EQ(report.code, 0) << report.output;
  EXPECT_THAT(report.output, AllOf(HasSubstr("\nint8, deployed  "), HasSubstr("\n  different predictions  0\n"),
                                   HasSubstr("\n  different logits       0 of 64: equal in every bit\n"),
                                   HasSubstr("\npictures: runs/q/report.html\n")));
  std::istringstream lines(report.output);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
  EXPECT_TRUE(fs::exists(directory_ / "runs/q/report.html"));

  retrain[0] = "train";
  EXPECT_EQ(run(retrain).output,
            "octet: " + experiment_ + ": the experiment has quantization; octet retrain runs it\n");
}

TEST_F(OctetCommand, FindsFilesFromAnyWorkingDirectory) {
  for (const char* split : {"train", "test"})
    for (const char* name : {"a", "b"}) {
      fs::create_directories(directory_ / "exp/images" / split / name);
      fs::copy_file(OCTET_TEST_DATA "/images/grey.png", directory_ / "exp/images" / split / name / "1.png");
    }
  write_file_atomically(directory_ / "exp/e.yaml", R"(name: e
data: {kind: image_folder, train: images/train, test: images/test, channels: 1}
model: {name: resnet8, num_classes: 2}
epochs: 1
batch_size: 2
optimizer: {name: sgd, lr: 0.01}
)");
  const Result trained = run({"train", "exp/e.yaml", "--run-dir", "run"});
  ASSERT_EQ(trained.code, 0) << trained.output;
  const std::string recorded = manifest("run").at("experiment").at("data").at("test").as_string();
  EXPECT_EQ(recorded, fs::canonical(directory_ / "exp/images/test").string());
  fs::create_directories(directory_ / "elsewhere");
  const auto elsewhere = [&](std::vector<std::string> arguments) {
    Command command(directory_ / "elsewhere", std::move(arguments));
    std::string output = command.read_all();
    return Result{command.exit_code(), output};
  };
  EXPECT_EQ(elsewhere({"eval", "../run"}).code, 0);
  EXPECT_EQ(elsewhere({"eval", "../run/weights.safetensors", "--experiment", "../exp/e.yaml"}).code, 0);

  // Weights that lie by themselves may be anybody's.
  fs::copy_file(directory_ / "run/weights.safetensors", directory_ / "w.safetensors");
  const Result unasked = run({"eval", "w.safetensors"});
  EXPECT_EQ(unasked.code, 1);
  EXPECT_THAT(unasked.output, HasSubstr("--set data.test=PATH, or an experiment of yours with --data FILE.yaml"));
  EXPECT_EQ(run({"eval", "w.safetensors", "--set", "data.test=" + recorded}).code, 0);

  fs::rename(directory_ / "exp/images", directory_ / "moved");
  const Result gone = run({"eval", "run"});
  EXPECT_EQ(gone.code, 1);
  EXPECT_EQ(gone.output,
            "octet: data.test: there is no " + recorded + "; data that has moved is named with --set data.test=PATH\n");
  EXPECT_EQ(run({"eval", "run", "--set", "data.test=moved/test"}).code, 0);
  EXPECT_EQ(elsewhere({"eval", "../run", "--set", "data.test=../moved/test"}).code, 0);
}

TEST_F(OctetCommand, ResumesWhereDataHasMoved) {
  std::vector<std::string> train = {"train", "e.yaml", "--run-dir", "a run"};
  for (const char* split : {"train", "test"})
    for (const char* name : {"a", "b"}) {
      fs::create_directories(directory_ / "images" / split / name);
      fs::copy_file(OCTET_TEST_DATA "/images/grey.png", directory_ / "images" / split / name / "1.png");
    }
  write_file_atomically(directory_ / "e.yaml", R"(name: e
data: {kind: image_folder, train: images/train, test: images/test, channels: 1}
model: {name: resnet8, num_classes: 2}
epochs: 100000
batch_size: 2
optimizer: {name: sgd, lr: 0.0001}
)");
  Command command(directory_, train);
  command.read_until("1/100000  ");
  command.send(SIGINT);
  EXPECT_THAT(command.read_all(), HasSubstr("octet train 'a run/experiment.json' --resume --run-dir 'a run'\n"));
  command.exit_code();
  fs::rename(directory_ / "images", directory_ / "moved");
  train.insert(train.end(), {"--resume", "--set", "data.train=moved/train", "--set", "data.test=moved/test"});
  Command resumed(directory_, train);
  EXPECT_THAT(resumed.read_until("train loss"), HasSubstr("resumed after step "));
  resumed.send(SIGINT);
  EXPECT_THAT(resumed.read_all(), HasSubstr("'a run' --set data.train=moved/train --set data.test=moved/test\n"));
  EXPECT_EQ(resumed.exit_code(), 130);
}

TEST_F(OctetCommand, EndsWithACheckpointOnCtrlCAndItsLikes) {
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) {
    const std::string run_dir = "stopped-" + std::to_string(signal);
    Command command(directory_, {"train", experiment_, "--set", "epochs=100000", "--run-dir", run_dir});
    command.read_until("train loss");
    command.send(signal);
    const std::string rest = command.read_all();
    EXPECT_EQ(command.exit_code(), 128 + signal);
    EXPECT_THAT(rest, HasSubstr("octet train " + run_dir + "/experiment.json --resume --run-dir " + run_dir + "\n"));
    EXPECT_EQ(manifest(run_dir).at("status").as_string(), "stopped");
    EXPECT_TRUE(fs::exists(directory_ / run_dir / "checkpoint.safetensors"));
  }
}

TEST_F(OctetCommand, HeedsTheFirstHangUpOnly) {
  // A closed window sends two.
  Command command(directory_, {"train", experiment_, "--set", "epochs=100000", "--run-dir", "run"});
  command.read_until("train loss");
  for (int i = 0; i < 1000; ++i) command.send(SIGHUP);
  EXPECT_EQ(command.exit_code(), 128 + SIGHUP);
  EXPECT_EQ(manifest("run").at("status").as_string(), "stopped");
}

TEST_F(OctetCommand, SaysThatAFileIsAtItsLimitOfSize) {
  std::vector<std::string> arguments = train_;
  arguments.insert(arguments.end(), {"--run-dir", "run"});
  const Result result = run(arguments, [] {
    const rlimit limit{.rlim_cur = 100'000, .rlim_max = 100'000};
    setrlimit(RLIMIT_FSIZE, &limit);
  });
  EXPECT_EQ(result.code, 1) << result.output;
  EXPECT_THAT(result.output, HasSubstr("run/checkpoint.new.safetensors: cannot write: File too large\n"));
  EXPECT_EQ(manifest("run").at("status").as_string(), "failed");
}

TEST_F(OctetCommand, LeavesIgnoredSignalsIgnored) {
  Command command(directory_, {"train", experiment_, "--set", "epochs=100000", "--run-dir", "run"}, [] {
    std::signal(SIGINT, SIG_IGN);
    std::signal(SIGHUP, SIG_IGN);
  });
  command.read_until("train loss");
  command.send(SIGINT);
  command.send(SIGHUP);
  command.send(SIGTERM);
  EXPECT_THAT(command.read_all(), HasSubstr("stopped after step"));
  EXPECT_EQ(command.exit_code(), 143);
}

TEST_F(OctetCommand, ResumesARunThatWasKilledAtAnyMoment) {
  const std::vector<std::string> train = {"train", experiment_, "--set", "epochs=100000", "--run-dir", "run"};
  std::vector<std::string> resume = train;
  resume.push_back("--resume");
  {
    Command command(directory_, train);
    command.read_until("train loss");
    command.send(SIGKILL);
    EXPECT_EQ(command.exit_code(), -SIGKILL);
  }
  EXPECT_EQ(manifest("run").at("status").as_string(), "running");
  const std::string started = manifest("run").at("started").as_string();
  for (const std::vector<std::string>& arguments : {resume, resume}) {
    Command command(directory_, arguments);
    command.read_until("train loss");
    EXPECT_THAT(run(resume).output, HasSubstr("octet: run: the directory is in use by another run: process "));
    command.read_until("100000  ");
    command.send(SIGKILL);
    command.exit_code();
  }
  EXPECT_EQ(manifest("run").at("started").as_string(), started);
}

TEST_F(OctetCommand, TrainsThoughNobodyReads) {
  const auto hash = [&](const char* run) { return manifest(run).at("result").at("weights_sha256").as_string(); };
  std::vector<std::string> arguments = train_;
  arguments.insert(arguments.end(), {"--run-dir", "read"});
  ASSERT_EQ(run(arguments).code, 0);
  const auto to = [](const char* path) { return [path] { dup2(open(path, O_WRONLY), STDOUT_FILENO); }; };
  const auto broken_pipe = [] {
    int ends[2];
    if (pipe(ends) != 0) _exit(126);
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
  };
  arguments.back() = "full";
  EXPECT_EQ(run(arguments, to("/dev/full")).code, 0);
  arguments.back() = "closed";
  EXPECT_EQ(run(arguments, [] { close(STDOUT_FILENO); }).code, 0);
  arguments.back() = "broken";
  EXPECT_EQ(run(arguments, broken_pipe).code, 0);
  for (const char* const name : {"full", "closed", "broken"}) EXPECT_EQ(hash(name), hash("read")) << name;
}

TEST_F(OctetCommand, FailsWhereItsOutputCannotBeWritten) {
  ASSERT_EQ(run(train_).code, 0);
  const auto full = [] { dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO); };
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"eval", "runs/synthetic_smoke"}, {"info"}, {"--help"}, {"--version"}}) {
    const Result lost = run(arguments, full);
    EXPECT_EQ(lost.code, 1) << arguments[0];
    EXPECT_THAT(lost.output, StartsWith("octet: standard output: cannot write")) << arguments[0];
    const bool has_reason = lost.output.find(": No space left on device\n") != std::string::npos;
    EXPECT_TRUE(has_reason || arguments[0].starts_with("--")) << lost.output;
    EXPECT_EQ(run(arguments, [] { close(STDOUT_FILENO); }).code, 1) << arguments[0];
  }
  EXPECT_EQ(run({"eval", "none"}, [] { close(STDERR_FILENO); }).code, 1);
}

TEST_F(OctetCommand, ResumesWithOtherInstructionsOnlyIfAllowed) {
  const std::vector<std::string> train = {"train", experiment_, "--set", "epochs=100000", "--run-dir", "run"};
  const auto stop_after_a_step = [&](std::vector<std::string> arguments) {
    Command command(directory_, std::move(arguments));
    command.read_until("train loss");
    command.send(SIGINT);
    command.read_all();
    return command.exit_code();
  };
  const auto with = [&](std::vector<std::string> options) {
    options.insert(options.begin(), train.begin(), train.end());
    return options;
  };
  setenv("ONEDNN_MAX_CPU_ISA", "SSE41", /*overwrite=*/1);
  const int first = stop_after_a_step(train);
  unsetenv("ONEDNN_MAX_CPU_ISA");
  ASSERT_EQ(first, 130);

  const Result refused = run(with({"--resume"}));
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.output, AllOf(HasSubstr("octet: run/checkpoint.safetensors: the run was computed by oneDNN "),
                                    HasSubstr("--allow-other-machine")));
  EXPECT_EQ(stop_after_a_step(with({"--resume", "--allow-other-machine"})), 130);
  const Document machines = manifest("run").at("machines");
  ASSERT_EQ(machines.items().size(), 2U);
  EXPECT_NE(machines.items()[0].at("isa").as_string(), machines.items()[1].at("isa").as_string());
  EXPECT_EQ(machines.items()[1].at("from_step").as_integer(),
            manifest("run").at("resumed_at_steps").items()[0].as_integer());

  EXPECT_EQ(run(with({"--allow-other-machine"})).code, 2) << "it means nothing without --resume";
}

TEST_F(OctetCommand, ResumesTheWayItSays) {
  ASSERT_EQ(run(train_).code, 0);
  const Result result =
      run({"train", "runs/synthetic_smoke/experiment.json", "--resume", "--run-dir", "runs/synthetic_smoke"});
  EXPECT_EQ(result.code, 1);
  EXPECT_EQ(result.output, "octet: runs/synthetic_smoke: the run is complete; there is nothing to resume\n");
}

}  // namespace
}  // namespace octet
