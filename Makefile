# The front door: every target is one line that makes sure of its tools and calls the project's own tool.
# What a target needs stands before `--` (see tools/setup.sh), what the tool is told stands after it.
.DEFAULT_GOAL := all
MAKEFLAGS += --no-print-directory
export BOARD MODEL SYSTEM FRAGMENTS CPUS ICOUNT GDB TIMEOUT FILTER
with := @tools/setup.sh

.PHONY: help setup all image generate menuconfig oldconfig olddefconfig savedefconfig listnewconfig randconfig alldefconfig allnoconfig allyesconfig
.PHONY: why why-not search lint-config run test test-host test-qemu test-guests test-preempt test-kconfig
.PHONY: clippy fmt-check size bench-boot bench-preempt bench-kconfig clean

help: ## List the targets, each with what it does
	@sed -n 's/^\([a-z%_-]*\):[^#]*## \(.*\)$$/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 20 && echo && sed -n 's/^#= //p' $(MAKEFILE_LIST)

setup: ## Install or find everything the other targets need
	$(with) --verify

all: image ## Build what .config says into build/<board>_<model>/ (the default)

image: ## The same: caesura.elf (with symbols) and caesura.img (raw arm64 Image)
	$(with) kernel -- build

%_defconfig: ## Write .config from defconfigs/<board>_<model>_defconfig
	$(with) host -- defconfig $@

generate: ## Write the files that are generated and kept in the tree: the boards' menu, features, docs/symbols.md
	$(with) host -- generate

menuconfig: ## Change .config in a menu in the terminal
	$(with) host -- kconf menuconfig

oldconfig: ## Complete .config, asking about what is new
	$(with) host -- kconf --oldconfig

olddefconfig: ## Complete .config, what is new at its default
	$(with) host -- kconf --olddefconfig

savedefconfig: ## Write the minimal form of .config to ./defconfig
	$(with) host -- kconf --savedefconfig=defconfig

listnewconfig: ## List the symbols that .config does not mention
	$(with) host -- kconf --listnewconfig

randconfig: ## Write a random .config; KCONFIG_SEED=number repeats one
	$(with) host -- kconf --randconfig

alldefconfig: ## Write .config with everything at its default
	$(with) host -- kconf --alldefconfig

allnoconfig: ## Write .config with everything off that can be
	$(with) host -- kconf --allnoconfig

allyesconfig: ## Write .config with everything on that can be
	$(with) host -- kconf --allyesconfig

why: ## Say why SYMBOL= has its value
	$(with) host -- kconf why $(SYMBOL)

why-not: ## Say what to change so that SYMBOL=NAME, or SYMBOL=NAME=value, becomes possible
	$(with) host -- kconf why-not $(SYMBOL)

search: ## Find symbols by TEXT=, and say what hides them
	$(with) host -- kconf search $(TEXT)

lint-config: ## Look for dead symbols, selects that break dependencies and the like
	$(with) host -- kconf lint

run: ## Boot SYSTEM (default: linux, two Debian guests) under QEMU
	$(with) kernel qemu -- run

test: ## Every test: the host's, then the system tests under QEMU
	$(with) kernel qemu -- test

test-host: ## The tests that need no emulator, no guests and no Arm target
	$(with) host -- test host

test-qemu: ## The system tests under QEMU; FILTER=word picks some
	$(with) kernel qemu -- test qemu

test-guests: ## The system tests that run only our own guests (nothing downloaded)
	$(with) kernel qemu -- test guests

test-preempt: ## Every system test of the three preemption models, long ones too, and the regression tests by name
	$(with) kernel qemu -- test preempt

test-kconfig: ## Our Kconfig tool beside the real ones on Linux, U-Boot and busybox (downloads 170 MB once); FILTER=word
	$(with) host kconfig -- test kconfig

clippy: ## Lint host and kernel code, warnings refused
	$(with) kernel lint -- clippy

fmt-check: ## Check that the code is formatted
	$(with) lint -- fmt-check

size: ## Print text, data and bss of each configuration that was built
	$(with) host -- size

bench-boot: ## Count instructions from reset to a guest's first, and of a Linux boot; writes build/bench/
	$(with) kernel qemu -- bench-boot

bench-preempt: ## Count how late an RT guest is beside each load, in every preemption model; writes build/bench/
	$(with) kernel qemu -- bench-preempt

bench-kconfig: ## Time our Kconfig tool beside C conf and kconfiglib on the same trees; writes build/bench/
	$(with) host kconfig -- bench-kconfig

clean: ## Remove build/ and target/ (.config and the cache stay)
	$(with) -- clean

#= Variables (all optional): BOARD= MODEL= FRAGMENTS="a b" choose the configuration, SYSTEM= the VMs,
#= CPUS=1..8 the machine's cores, ICOUNT=1 counts instructions, GDB=1 waits for a debugger on port 1234,
#= SYMBOL=name TEXT=word say what is asked about, TIMEOUT=seconds bounds a run without a terminal, FILTER=word picks tests.
