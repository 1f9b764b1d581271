#!/usr/bin/env bash
# Makes packages that need no Node on the host, in packages/: wg-rendezvous_VERSION_amd64.deb and _arm64.deb,
# and the same tree as wg-rendezvous-VERSION-linux-x64.tar.xz and -linux-arm64.tar.xz.
# `package-deb.sh [x64|arm64]...`; SOURCE_DATE_EPOCH is the time of the files (the last commit's).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh
umask 022

VERSION=$(node -p 'require("./package.json").version')
readonly VERSION
EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)}
readonly EPOCH
declare -rA DEBIAN=([x64]=amd64 [arm64]=arm64)
# More than one thread makes another file than one does, and that is the same for any number of them.
readonly XZ=(--threads=2 -6)

main() {
  [[ $# -gt 0 ]] || set -- x64 arm64
  mkdir -p packages
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  local arch
  for arch; do
    [[ -n ${DEBIAN[$arch]:-} ]] || fail "usage: $0 [x64|arm64]..."
    [[ -e prebuilds/linux-$arch/wg_rendezvous.node && -e dist/bin/wg-rendezvous.js ]] ||
      fail 'the program or its prebuilt addon is missing: make program prebuilds'
    say "packages for linux-$arch"
    local tree=$work/$arch
    make_tree "$arch" "$tree/usr"
    make_tar "$arch" "$tree/usr"
    make_deb "$arch" "$tree"
  done
}

# Everything below /usr.
make_tree() {
  local arch=$1 usr=$2 runtime
  runtime=$(scripts/node-runtime.sh "$arch" 24)
  local lib=$usr/lib/wg-rendezvous doc=$usr/share/doc/wg-rendezvous
  mkdir -p "$usr/bin" "$lib/bin" "$lib/dist" "$lib/prebuilds" "$doc"
  install -m 755 scripts/deb/wg-rendezvous "$usr/bin/"
  install -m 755 "$runtime/bin/node" "$lib/bin/"
  "$(cross "$arch")strip" --strip-unneeded "$lib/bin/node"
  cp -r dist/bin "$lib/dist/"
  # It is run by the Node beside it, never by one of the PATH.
  sed -i '1{/^#!/d}' "$lib/dist/bin/wg-rendezvous.js"
  cp -r "prebuilds/linux-$arch" "$lib/prebuilds/"
  # The program reads its version there, and Node that it is made of modules.
  node -p 'const { name, version, type } = require("./package.json"); JSON.stringify({ name, version, type })' \
    >"$lib/package.json"
  install -m 644 "$runtime/LICENSE" "$doc/LICENSE.node"
  install -m 644 dist/THIRD-PARTY scripts/deb/copyright README.md "$doc/"
  gzip -9n <CHANGELOG.md >"$doc/CHANGELOG.md.gz"
  cp -r docs "$doc/docs"
  copy_units "$usr"
  copy_help "$usr"
  chmod -R u=rwX,go=rX "$usr"
  chmod 644 "$lib"/dist/bin/* "$lib"/prebuilds/*/*.node
}

copy_units() {
  [[ -d units ]] || return 0
  mkdir -p "$1/lib/systemd/system"
  install -m 644 units/*.service "$1/lib/systemd/system/"
}

# Man pages and completions, as far as the build made them.
copy_help() {
  local page
  for page in dist/man/*.[1-9]; do
    [[ -e $page ]] || continue
    mkdir -p "$1/share/man/man${page##*.}"
    gzip -9n <"$page" >"$1/share/man/man${page##*.}/$(basename "$page").gz"
  done
  [[ -d dist/completion ]] || return 0
  local bash=dist/completion/bash/wg-rendezvous zsh=dist/completion/zsh/_wg-rendezvous fish=dist/completion/fish/wg-rendezvous.fish
  install -D -m 644 "$bash" "$1/share/bash-completion/completions/wg-rendezvous"
  install -D -m 644 "$zsh" "$1/share/zsh/vendor-completions/_wg-rendezvous"
  install -D -m 644 "$fish" "$1/share/fish/vendor_completions.d/wg-rendezvous.fish"
}

make_tar() {
  local name=wg-rendezvous-$VERSION-linux-$1
  cp -a "$2" "$work/$name"
  # It is unpacked anywhere, mostly in /usr/local: systemd looks for the program itself.
  [[ ! -d units ]] || sed -i 's#^ExecStart=/usr/bin/#ExecStart=#' "$work/$name"/lib/systemd/system/*.service
  # zsh itself, not Debian's, looks there, also below /usr/local.
  [[ ! -d $work/$name/share/zsh ]] || mv "$work/$name"/share/zsh/{vendor-completions,site-functions}
  tar -c -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$EPOCH" --format=gnu "$name" |
    xz "${XZ[@]}" >"packages/$name.tar.xz"
  rm -rf "${work:?}/$name"
}

make_deb() {
  local arch=${DEBIAN[$1]} tree=$2
  local doc=$tree/usr/share/doc/wg-rendezvous
  mkdir -p "$tree/DEBIAN" "$tree/etc/wg-rendezvous"
  {
    printf 'wg-rendezvous (%s) unstable; urgency=medium\n\n  * See CHANGELOG.md.gz.\n\n -- %s  %s\n' "$VERSION" \
      "$(sed -n 's/^Maintainer: //p' scripts/deb/control)" "$(LC_ALL=C date -u -R -d "@$EPOCH")"
  } | gzip -9n >"$doc/changelog.gz"
  install -D -m 644 scripts/deb/lintian-overrides "$tree/usr/share/lintian/overrides/wg-rendezvous"
  install -m 755 scripts/deb/{postinst,prerm,postrm} "$tree/DEBIAN/"
  (cd "$tree" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"
  sed -e "s/@VERSION@/$VERSION/" -e "s/@ARCH@/$arch/" \
    -e "s/@SIZE@/$(du -sk --apparent-size --exclude=DEBIAN "$tree" | cut -f1)/" \
    scripts/deb/control >"$tree/DEBIAN/control"
  find "$tree" -exec touch -h -d "@$EPOCH" {} +
  SOURCE_DATE_EPOCH=$EPOCH dpkg-deb --root-owner-group -Zxz -z6 --threads-max=2 --build "$tree" \
    "packages/wg-rendezvous_${VERSION}_$arch.deb" >/dev/null
}

main "$@"
