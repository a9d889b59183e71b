#!/bin/sh
# Remove files that are never loaded from installed packages: LiteRT's GPU library, tools and vendor NPU
# plug-ins (some architectures' wheels lack them), and the packages' own tests.
#
# usage: trim.sh FOLDER
set -eu
cd "$1"
rm -rf ai_edge_litert/libLiteRtWebGpuAccelerator.so ai_edge_litert/tools ai_edge_litert/vendors
find . -depth -type d -name tests -exec rm -r {} +
