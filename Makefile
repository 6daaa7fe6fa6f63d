# Weft. Each target installs what it needs: Debian packages (as root), npm packages, the bundle.
# KEEP=1 make lab keeps the lab up; ARGS="--hosts 5 --mode flood" gives it another shape.

.DEFAULT_GOAL := help
.PHONY: help lab test check kernel faults bench clean build plugin node system-lab system-bench system-test root

INSTALLED := node_modules/.weft-installed
SOURCES := $(shell find src tools -name '*.ts' -o -name '*.mjs')

help:
	@echo 'make lab      three hosts on this machine, two networks over them, pings, one frame taken apart; then all is removed'
	@echo 'make test     everything that CI runs; ends with "N passed, N failed, N skipped"'
	@echo 'make check    types, lint and unit tests; needs no root'
	@echo 'make kernel   the tests that speak with the real kernel'
	@echo 'make faults   the same faults as make test, at every point and with more seeds'
	@echo 'make bench    measure, next to what the kernel itself takes (ARGS="--json")'
	@echo 'make clean    remove what make made'
	@echo
	@echo 'make build    the program: dist/weft.js'
	@echo 'make plugin   the same as a managed plugin of Docker: .cache/docker-plugin'
	@echo 'KEEP=1 make lab keeps the lab to play with; ARGS="--hosts 5 --mode flood" make lab gives it another shape'

lab: system-lab build
	@node dist/weft.js lab demo $(if $(KEEP),,--down) $(ARGS)

test: root system-test build
	@node tools/run-tests.mjs

check: $(INSTALLED)
	@npm run --silent typecheck
	@npm run --silent lint
	@npm run --silent test:unit

kernel: root system-test build
	@npm run --silent test:kernel

faults: root system-test build
	@CRASH_POINTS=all SEEDS=5000 LIVES=60 npm run --silent test:faults

bench: root system-bench build
	@npm run --silent bench -- all $(ARGS)

build: dist/weft.js

plugin: build
	@tools/build-plugin.sh .cache/docker-plugin
	@echo 'docker plugin create weft .cache/docker-plugin; then see docs/docker.md'

dist/weft.js: $(INSTALLED) $(SOURCES)
	@npm run --silent build
	@touch $@

# Not npm ci: npm 11's refuses a lock that was written where other systems' packages were not to be had.
$(INSTALLED): package.json package-lock.json | node
	@echo 'Installing npm packages …'
	@npm install --no-save --no-audit --no-fund --no-update-notifier --loglevel=error
	@touch $@

node:
	@tools/check-node.sh

system-lab:
	@tools/install-packages.sh ip=iproute2 ping=iputils-ping unshare=util-linux

system-bench: system-lab
	@tools/install-packages.sh 'gcc=gcc libc6-dev' ethtool=ethtool

system-test: system-lab
	@tools/install-packages.sh tcpdump=tcpdump openssl=openssl nft=nftables iptables=iptables zsh=zsh fish=fish
	@tools/fetch-docker.sh .cache/docker

root:
	@test "$$(id -u)" = 0 || { echo 'This needs root, for network namespaces: sudo make $(MAKECMDGOALS). Without root: make check, make lab.' >&2; exit 1; }

clean:
	@rm -rf dist node_modules .cache coverage
