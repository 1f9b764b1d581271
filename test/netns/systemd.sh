#!/bin/bash
# Runs systemd as PID 1 of namespaces of its own (mounts, processes, network, cgroups), beside whatever runs
# this host: systemd.sh CGROUP FOLDER CHECKOUT [NETNS]. FOLDER holds the units, and etc/ with files for /etc.
# The program of CHECKOUT is /usr/bin/wg-rendezvous there, seen at /var/lib/checkout: units hide /home, /root
# and /tmp. NETNS is a network namespace of `ip netns` to run in. All ends with this process; CGROUP is left empty.
set -euo pipefail

if [[ ${1:-} != --inside ]]; then
  cgroup=$(findmnt --noheadings --first-only --types cgroup2 --output TARGET)/$1
  mkdir "$cgroup"
  echo $$ >"$cgroup/cgroup.procs"
  new=(unshare --mount --pid --uts --ipc --cgroup --fork --kill-child)
  if [[ -n ${4:-} ]]; then
    new=(nsenter "--net=/run/netns/$4" "${new[@]}")
  else
    new+=(--net)
  fi
  exec "${new[@]}" "$0" --inside "${@:2:2}"
fi

folder=$2 checkout=$3
overlay() {
  mkdir -p "/run/over$1/upper" "/run/over$1/work"
  mount -t overlay overlay -o "lowerdir=$1,upperdir=/run/over$1/upper,workdir=/run/over$1/work" "$1"
}
mount --make-rprivate /
mount -t proc proc /proc
umount --recursive /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib
overlay /etc
overlay /usr/bin
overlay /var/cache
cp -r "$folder/etc/." /etc/
mkdir /var/lib/checkout
mount --bind "$checkout" /var/lib/checkout
ln -sf /var/lib/checkout/dist/bin/wg-rendezvous.js /usr/bin/wg-rendezvous
mkdir -p /run/systemd/system /run/lock
ip link set lo up
# What would change the host, or wait for its devices.
for name in sysctl modules-load udevd udev-trigger tmpfiles-setup tmpfiles-setup-dev random-seed \
  update-utmp binfmt sysusers firstboot journal-flush logind timesyncd networkd; do
  ln -s /dev/null "/run/systemd/system/systemd-$name.service"
done
cp "$folder"/*.service /run/systemd/system/
printf '[Unit]\nDefaultDependencies=no\n' >/run/systemd/system/lab.target
export container=lab
exec /lib/systemd/systemd --system --unit=lab.target --log-target=null --show-status=no
