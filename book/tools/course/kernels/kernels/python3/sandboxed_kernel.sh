#!/bin/sh
# Start a kernel that can read Python and nothing else, write to an empty folder, and reach
# no network. nbgrader talks to it over the sockets in the folder of the connection file.
# usage: sandboxed_kernel.sh PYTHON CONNECTION_FILE
set -eu
python=$1 connection=$2
sockets=$(dirname "$("$python" -c 'import json, sys; print(json.load(open(sys.argv[1]))["ip"])' "$connection")")
prefixes=$("$python" -c 'import bncourse, bnlib, sys
print(sys.prefix, sys.base_prefix, *bncourse.__path__, *bnlib.__path__)')
set -- --unshare-all --unshare-user --disable-userns --die-with-parent --new-session \
    --uid 65534 --gid 65534 --clearenv --size 67108864 --tmpfs /tmp
for path in /usr /lib /lib64 /bin /etc/ld.so.cache $prefixes; do
    if [ -e "$path" ]; then set -- "$@" --ro-bind "$path" "$path"; fi
done
exec prlimit --cpu=300 --fsize=67108864 --nproc=512 --as=8589934592 \
    bwrap "$@" --proc /proc --remount-ro /proc \
    --dev /dev --size 67108864 --tmpfs /dev/shm --remount-ro /dev \
    --bind "$sockets" "$sockets" --ro-bind "$connection" "$connection" \
    --size 67108864 --tmpfs /grading --chdir /grading --setenv HOME /grading --setenv PATH /usr/bin:/bin \
    --setenv LANG C.UTF-8 --setenv OMP_NUM_THREADS 1 --setenv OPENBLAS_NUM_THREADS 1 \
    --setenv BNLIB_CHECKS_SEED "${BNLIB_CHECKS_SEED:-0}" --setenv PYTHONPATH "${PYTHONPATH:-}" \
    "$python" -m ipykernel_launcher -f "$connection"
