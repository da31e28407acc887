# The front door. Everything is built by Meson and Ninja; each target first installs what it lacks.
# BUILD is where things go; more options of Meson may be given in OPTIONS.
BUILD ?= build
PREFIX ?= /usr/local
OPTIONS ?=

.PHONY: all build deps run test soak bench fuzz install format lint clean
.NOTPARALLEL:

all: build

build:
	@tools/install-dependencies build
	@tools/build $(BUILD) $(OPTIONS)

deps: ; @tools/install-dependencies build test bench

run: build
	@exec $(BUILD)/weir demo

test:
	@tools/install-dependencies test
	@BUILD=$(BUILD) tools/test

# What takes longer: loads of minutes, hundreds of reloads, long seeds.
soak:
	@tools/install-dependencies test
	@BUILD=$(BUILD) tools/test --soak

# The whole run comes last: it ends with the targets.
bench: build
	@tools/install-dependencies bench
	@tools/build $(BUILD)-uncounted -Dc_args=-DWEIR_UNCOUNTED
	@bench/compare $(BUILD)-uncounted/weir $(BUILD)/weir --scenario small
	@WEIR_BINARY=$(abspath $(BUILD))/weir bench/run --balancing --quick
	@WEIR_BINARY=$(abspath $(BUILD))/weir bench/tail --quick
	@WEIR_BINARY=$(abspath $(BUILD))/weir bench/run

# FUZZER=name runs one of them alone; SECONDS is for each.
fuzz:
	@tools/install-dependencies test
	@BUILD=$(BUILD) tools/fuzz --keep --seconds $(or $(SECONDS),600) $(FUZZER)

install: build
	@meson configure $(BUILD) -Dprefix=$(PREFIX)
	@meson install -C $(BUILD)

format:
	@tools/install-dependencies format
	@tools/c-files | xargs clang-format -i

lint:
	@tools/install-dependencies build format
	@tools/lint

clean:
	rm -rf $(BUILD) $(BUILD)-*
