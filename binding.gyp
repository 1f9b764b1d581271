{
  "targets": [
    {
      "target_name": "wg_rendezvous",
      "sources": [
        "native/addon.cc",
        "native/conntrack.cc",
        "native/system-error.cc",
        "native/interface-flags.cc",
        "native/name-lock.cc",
        "native/netlink.cc",
        "native/options.cc",
        "native/poll-handle.cc",
        "native/process.cc",
        "native/program.cc",
        "native/raw-socket.cc",
        "native/route-lookup.cc",
        "native/datagram-slots.cc",
        "native/tcp-listener.cc",
        "native/udp-descriptor.cc",
        "native/udp-batch.cc",
        "native/unix-datagram.cc"
      ],
      "include_dirs": ["<!@(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=8", "NAPI_DISABLE_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED"],
      "cflags_cc": ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-fno-exceptions", "-O2"],
      # No lazy binding: the resolver saves registers, and with them a part of a key, on the stack.
      "ldflags": ["-Wl,-z,now"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"]
    }
  ]
}
