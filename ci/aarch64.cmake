# SPDX-License-Identifier: LGPL-3.0-or-later
#
# CMake's toolchain file for AArch64, as ci/cross uses it: Debian's cross compiler, and
# a folder with the AArch64 libraries. The tests run under qemu-user.
#
#   cmake -D CMAKE_TOOLCHAIN_FILE=ci/aarch64.cmake -D AARCH64_ROOT=FOLDER ...
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_SYSROOT ${AARCH64_ROOT})
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES AARCH64_ROOT)

# The C library there, not that which came with the compiler.
set(libraries ${AARCH64_ROOT}/usr/lib/aarch64-linux-gnu)
foreach(kind EXE SHARED MODULE)
  set(CMAKE_${kind}_LINKER_FLAGS_INIT "-B${libraries} -L${libraries}")
endforeach()

set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${AARCH64_ROOT})
set(ENV{PKG_CONFIG_LIBDIR}
  ${libraries}/pkgconfig:${AARCH64_ROOT}/usr/share/pkgconfig)

set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static -L ${AARCH64_ROOT})
