# SPDX-License-Identifier: BSD-2-Clause
# What touches no file is PURE too, so that unit tests and fuzzers link it.
TOOL_PURE_SRCS := tool/capture.c tool/description.c tool/description_check.c tool/description_device.c tool/description_io.c tool/description_schema.c \
	tool/description_socket.c tool/description_system.c tool/kernel_config.c tool/pack.c tool/payload.c tool/problem.c \
	tool/process.c tool/source.c tool/tool.c
PURE += $(TOOL_PURE_SRCS)
TOOL_SRCS += $(TOOL_PURE_SRCS) tool/main.c tool/options.c tool/kernel.c tool/system.c tool/check.c \
	tool/command_build.c tool/command_capture.c tool/command_check.c tool/command_kernel.c tool/command_run.c tool/command_show.c \
	lib/base64.c lib/crc.c lib/elf.c lib/format.c lib/image.c lib/tree.c vmm/load.c vmm/load_elf.c vmm/load_image.c device/ram.c
TOOL_LIBS := -lfdt -lcjson -lz

.PHONY: tool
tool: $(HOST)/bulkhead

# The command line, wrong descriptions with their messages, and the tables in docs/.
.PHONY: tool-test
tool-test: $(HOST)/bulkhead
	$Qfor test in tool wrong docs; do ./test/$$test.sh $< || true; done | awk '{ print } \
		/: [0-9]+ passed, [0-9]+ failed$$/ { passed += $$(NF - 3); failed += $$(NF - 1); kinds++ } \
		END { failed += 3 - kinds; print "tool-test: " passed " passed, " failed " failed"; exit failed != 0 }'
