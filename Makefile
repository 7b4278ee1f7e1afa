# Every target is one line; `make` alone lists them.

GOTESTSUM   = go run gotest.tools/gotestsum@v1.13.0
STATICCHECK = go run honnef.co/go/tools/cmd/staticcheck@v0.7.0
FUZZTIME   ?= 60s
BENCHFLAGS ?= --effort 0,5,10
BENCH_DOC  ?= docs/codec.md

PAPER_TRACES ?= ../shared/traces
PAPER_CLIP   ?= ../shared/clips/talk_duo_1280x720p25.mkv
PAPERFLAGS   ?= --grain light
PAPER_OUT    ?= results/paper

.PHONY: help demo test test-devices race noasm fuzz lint generate bench-codec bench-kernels paper tools build cross dist install

help: ## list these targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: build ## send live video across an emulated LTE link, show what is seen at the other end, and draw it into demo.png
	go run ./testbed/demo $(DEMOFLAGS)

# Those with tests that run in a guest (testbed/guest).
DEVICE_PACKAGES = ./testbed/guest ./capture/v4l2 ./capture ./sounddevice

# One package at a time: some tests measure time over real sockets.
test: tools ## run every test that can run here; what was skipped is listed at the end, with the reason
	$(GOTESTSUM) --format pkgname-and-test-fails -- -p 1 -timeout 20m ./...

# These run in `make test` too, where QEMU and the kernel are there; here they are made to be there.
test-devices: tools ## run the tests of real devices in a small virtual machine: a simulated camera (a minute and a half)
	SALSIFY_REQUIRE_TOOLS=1 testbed/guest/fetch-kernel
	SALSIFY_REQUIRE_TOOLS=1 $(GOTESTSUM) --format standard-verbose -- -p 1 -count 1 -timeout 15m -run '^(TestInGuest|TestBoot)$$' \
		$(DEVICE_PACKAGES)

race: tools ## run the tests of what is shared between goroutines under the race detector
	$(GOTESTSUM) --format pkgname-and-test-fails -- -race -p 1 -skip '^(TestInGuest|TestBoot)$$' -timeout 20m ./codec/vp8 ./cmd/internal/... ./cmd/salsify-send \
		./cmd/salsify-recv ./cmd/salsify-vp8 ./cmd/salsify-link ./capture ./capture/v4l2 ./capture/screen ./capture/mic \
		./display ./display/terminal ./display/speaker ./display/window ./sounddevice ./sound ./sender ./receiver \
		./transport/... ./testbed/emulator ./testbed/relay ./testbed/camera ./testbed/screen ./testbed/shell ./testbed/system/process

noasm: tools ## run the codec's tests with plain Go in place of assembly
	$(GOTESTSUM) --format pkgname-and-test-fails -- -tags noasm -timeout 20m ./codec/...

fuzz: ## fuzz each target for FUZZTIME (60s)
	.ci/fuzz $(FUZZTIME)

lint: ## gofmt, go vet and staticcheck
	@unformatted="$$(gofmt -l .)"; test -z "$$unformatted" || { echo "run gofmt -w on these files:\n$$unformatted" >&2; exit 1; }
	go vet ./...
	go vet -tags noasm ./...
	$(STATICCHECK) ./...

generate: ## make the assembly anew from its generator, codec/vp8/internal/_generate
	go generate ./codec/...

bench-codec: tools ## measure our codec beside vpxenc, vpxdec, ffmpeg and govpx, and write the tables into docs/codec.md (hours; see there)
	go run ./testbed/codecbench $(if $(BENCH_DOC),--doc $(BENCH_DOC)) $(BENCHFLAGS)

KERNELS = distortion loopfilter predict quant token transform

bench-kernels: ## measure each kernel beside plain Go, and print the table of docs/kernels.md (five minutes)
	@go test -run XXX -bench . -count 15 -benchtime 5ms -p 1 $(addprefix ./codec/vp8/internal/,$(KERNELS)) ./codec/convert | \
		awk -f codec/internal/kerneltest/table.awk

paper: tools build ## run the evaluation of the Salsify paper and draw its report (an hour; goes on where it stopped; docs/testbed.md)
	bin/salsify-eval paper --traces $(PAPER_TRACES) --clip $(PAPER_CLIP) --out $(PAPER_OUT) $(PAPERFLAGS)

tools: ## install what tests compare with (vpxenc, vpxdec, ffmpeg, chromium, gstreamer, qemu and its kernel), where that is allowed
	@.ci/tools
	@testbed/guest/fetch-kernel

build: ## build the commands into bin/
	go build -o bin/ ./cmd/...

cross: ## check that all commands build without cgo, for linux on amd64 and arm64, and vet for darwin
	CGO_ENABLED=0 GOOS=linux GOARCH=amd64 go build -o /dev/null ./cmd/...
	CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build -o /dev/null ./cmd/...
	CGO_ENABLED=0 GOOS=darwin GOARCH=arm64 go vet ./cmd/...

COMMANDS = salsify-eval salsify-link salsify-recv salsify-send salsify-vp8
PREFIX  ?= /usr/local

# $(call manuals,BIN,SHARE): the man pages and completions that the commands in BIN tell of themselves, into SHARE.
manuals = set -e; mkdir -p $(2)/man/man1 $(2)/bash-completion/completions $(2)/zsh/site-functions $(2)/fish/vendor_completions.d; \
	for c in $(COMMANDS); do \
		$(1)/$$c --manual man >$(2)/man/man1/$$c.1; \
		$(1)/$$c --manual bash >$(2)/bash-completion/completions/$$c; \
		$(1)/$$c --manual zsh >$(2)/zsh/site-functions/_$$c; \
		$(1)/$$c --manual fish >$(2)/fish/vendor_completions.d/$$c.fish; \
	done

dist: build ## build the commands without cgo for linux on amd64 and arm64, man pages and completions, into dist/
	for arch in amd64 arm64; do mkdir -p dist/linux-$$arch && CGO_ENABLED=0 GOOS=linux GOARCH=$$arch \
		go build -trimpath -ldflags='-s -w' -o dist/linux-$$arch/ ./cmd/... || exit 1; done
	@$(call manuals,bin,dist/share)

install: build ## install commands, man pages and completions below PREFIX (/usr/local)
	install -d $(DESTDIR)$(PREFIX)/bin
	install $(addprefix bin/,$(COMMANDS)) $(DESTDIR)$(PREFIX)/bin
	@$(call manuals,bin,$(DESTDIR)$(PREFIX)/share)
