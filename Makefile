# SPDX-License-Identifier: Apache-2.0
# A thin face: what it does is in scripts/ and in the CMake presets.
.DEFAULT_GOAL := help
.PHONY: demo test test-golden exactness crash-test bench-train bench-qat bench-int8 bench-load bench-evaluation bench-planning same-bits check-pytorch format check-format fuzz help dependencies configure

JOBS ?= $(shell nproc)
BUILD := cmake --build --preset release --parallel $(JOBS)
GOLDEN := quant_test compat_test # the programs that have tests called QuantGolden

dependencies:
	@scripts/install_dependencies.sh

configure: dependencies
	@cmake --preset release

demo: configure ## install what is missing, build, train a ResNet on real images, retrain it in 8 bits, and deploy it
	@$(BUILD) --target octet
	@scripts/demo.sh build/release/octet

test: configure ## install what is missing, build, and run all tests
	@$(BUILD)
	ctest --preset release

test-golden: configure ## compare quantization with the vectors of Huawei's AMCT; OCTET_GOLDEN_DIR=folder takes others
	@$(BUILD) --target $(GOLDEN)
	@failed=; for program in $(GOLDEN); do \
	  build/release/$$program --gtest_filter='QuantGolden.*' || failed="$$failed $$program"; \
	done; test -z "$$failed" || { echo "failed:$$failed"; exit 1; }

exactness: configure ## compare deployed int8 networks with a scalar oracle, bit for bit
	@$(BUILD) --target exactness
	scripts/exactness.sh build/release

crash-test: configure ## kill runs at random moments, and let each write, sync and rename fail
	@scripts/install_dependencies.sh --python
	@$(BUILD) --target octet faults
	tests/crash/crash_test.py build/release

bench-train: configure ## time training against PyTorch
	@scripts/install_dependencies.sh --bench
	@$(BUILD)
	bench/train.py build/release

bench-qat: configure ## time quantization-aware training against float training and PyTorch
	@scripts/install_dependencies.sh --bench
	@$(BUILD) --target bench_train_step
	bench/qat.py build/release

bench-int8: configure ## time int8 inference against ONNX Runtime and PyTorch
	@scripts/install_dependencies.sh --bench
	@$(BUILD) --target bench_int8 octet
	bench/int8.py build/release

bench-load: configure ## run one int8 model from eight threads for a minute
	@$(BUILD) --target bench_load
	build/release/bench_load tests/data/onnx/resnet20_ort_qdq_u8s8.onnx

bench-evaluation: configure ## time the evaluation of converted ResNets, one image and a batch
	@$(BUILD) --target bench_qat_evaluation
	for model in resnet20 resnet18; do for batch in 1 32; do \
	  printf '%s, batch %s: ' $$model $$batch; echo 10 | build/release/bench_qat_evaluation $$model $$batch | tail -1; \
	done; done

bench-planning: configure ## time single images while other batch sizes of the model are planned
	@$(BUILD) --target bench_planning
	build/release/bench_planning tests/data/onnx/resnet20_ort_qdq_u8s8.onnx

same-bits: configure ## show that results do not depend on threads or interruptions
	@scripts/install_dependencies.sh --python
	@$(BUILD)
	bench/same_bits.py build/release

check-pytorch: configure ## load a ResNet-18 that PyTorch wrote and compare the logits
	@scripts/install_dependencies.sh --bench
	@$(BUILD) --target bench_resnet18_logits
	@/usr/bin/python3 tests/data/scripts/make_resnet18.py build/resnet18
	build/release/bench_resnet18_logits build/resnet18

format: ## lay out the sources with clang-format
	@scripts/install_dependencies.sh --dev
	@scripts/format.sh

check-format: ## fail where clang-format would change a source
	@scripts/install_dependencies.sh --dev
	@scripts/format.sh --check

fuzz: ## try damaged input on every reader for a short time
	@scripts/install_dependencies.sh --dev
	@scripts/fuzz.sh

help: ## show this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name what; do printf '  make %-14s %s\n' "$$name" "$$what"; done
