#!/usr/bin/env bash
# Installs what the tests of images and of the nginx edge need, where that is allowed: by root, with MESHRUN_CI=1, on a
# system with apt. Anywhere else it says what is missing and changes nothing. It ends within five minutes.
set -u
wanted=(nginx buildah podman crun mmdebstrap)
packages=(nginx-light buildah podman crun netavark aardvark-dns iptables mmdebstrap)

missing() {
    local found=()
    for program in "${wanted[@]}"; do
        command -v "$program" >/dev/null || [ -x "/usr/sbin/$program" ] || found+=("$program")
    done
    echo "${found[*]:-}"
}

if [ -z "$(missing)" ]; then
    echo "image tools: all there (${wanted[*]})"
    exit 0
fi
echo "image tools: missing: $(missing)"
if [ "${MESHRUN_CI:-0}" != 1 ]; then
    echo "image tools: not installed, as this is no CI (MESHRUN_CI=1); their tests are skipped by name"
    exit 0
fi
if [ "$(id -u)" != 0 ]; then
    echo "image tools: not installed, as only root may; their tests fail. Install: ${packages[*]}"
    exit 1
fi
if ! command -v apt-get >/dev/null; then
    echo "image tools: not installed, as there is no apt-get; their tests fail. Install: ${packages[*]}"
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
timeout 100 apt-get update -qq || echo "image tools: apt-get update failed or took too long; going on with what is known"
# No service starts by being installed: a policy of the moment, taken away again.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
fi
timeout 200 apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
status=$?
if [ -n "$(missing)" ]; then
    echo "image tools: still missing: $(missing) (apt-get ended with status $status, 124: it took too long)"
    exit 1
fi
echo "image tools: installed"
