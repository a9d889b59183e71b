#!/bin/sh
# Leave out of installed packages what is never loaded: LiteRT's GPU library, its tools and vendors'
# NPU plug-ins, which not every architecture's wheel has, and the packages' own tests.
#
# usage: trim.sh FOLDER
set -eu
cd "$1"
rm -rf ai_edge_litert/libLiteRtWebGpuAccelerator.so ai_edge_litert/tools ai_edge_litert/vendors
find . -depth -type d -name tests -exec rm -r {} +
