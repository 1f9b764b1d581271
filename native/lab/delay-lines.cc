// The lab's delay lines: forwards Ethernet frames between pairs of interfaces of its namespace, each
// after a delay, with jitter and loss. One process serves all lines of a lab.
//
// stdin, one line each:
//   line INSIDE OUTSIDE DELAY_NS JITTER_NS LOSS REORDER   starts a line; the delay is for each direction
//   sync                                                  prints `ready`
// Ends with stdin, and so with the process that holds the other end.
//
// ARP and IPv6 neighbour discovery pass at once and are never lost: in the lab one link stands for
// all routers of the internet, and no router resolves addresses of the far end.

#include <netinet/icmp6.h>
#include <netinet/ip6.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "packet-socket.h"

namespace {

// struct virtio_net_hdr of linux/virtio_net.h, which is not C++.
struct VirtioHeader {
  uint8_t flags;
  uint8_t gso_type;
  uint16_t header_length;
  uint16_t gso_size;
  uint16_t checksum_start;
  uint16_t checksum_offset;
};
constexpr uint8_t kNeedsChecksum = 1;
constexpr uint8_t kNoGso = 0;

// A frame is at most one GSO packet: 64 KiB with its headers.
constexpr size_t kMaxFrame = sizeof(VirtioHeader) + ETH_HLEN + 65'536;
// Bounds of what one direction of a line holds; what comes beyond them is dropped.
constexpr size_t kMaxQueuedFrames = 16'384;
constexpr size_t kMaxQueuedBytes = 32 << 20;
constexpr int kFramesPerTurn = 256;

struct Line {
  int64_t delay;
  int64_t jitter;
  double loss;
  bool reorder;
};

struct Direction {
  Line line;
  int input;
  int output;
  int64_t last_due = 0;
  size_t queued_frames = 0;
  size_t queued_bytes = 0;
};

struct Frame {
  int64_t due;
  uint64_t number;
  Direction* direction;
  std::vector<uint8_t> bytes;
};

struct Later {
  bool operator()(const Frame& a, const Frame& b) const {
    return a.due != b.due ? a.due > b.due : a.number > b.number;
  }
};

std::deque<Direction> directions;
std::priority_queue<Frame, std::vector<Frame>, Later> queue;
uint64_t frames = 0;

double Uniform(double low, double high) {
  return low + (high - low) * drand48();
}

bool IsNeighbourDiscovery(const uint8_t* frame, size_t length) {
  if (length < ETH_HLEN) return false;
  const int type = frame[12] << 8 | frame[13];
  if (type == ETHERTYPE_ARP) return true;
  const uint8_t* packet = frame + ETH_HLEN;
  return type == ETHERTYPE_IPV6 && length > ETH_HLEN + sizeof(ip6_hdr) && packet[6] == IPPROTO_ICMPV6 &&
         packet[sizeof(ip6_hdr)] >= ND_ROUTER_SOLICIT && packet[sizeof(ip6_hdr)] <= ND_REDIRECT;
}

// Between interfaces of one machine the kernel leaves checksums to the hardware, which veth does not
// have. On a real link they are complete. GSO packets keep the kernel's note: their segments get
// their checksums later.
void CompleteChecksum(std::vector<uint8_t>& bytes) {
  VirtioHeader header;
  std::memcpy(&header, bytes.data(), sizeof header);
  if ((header.flags & kNeedsChecksum) == 0 || header.gso_type != kNoGso) return;
  const size_t start = sizeof header + header.checksum_start;
  const size_t field = start + header.checksum_offset;
  if (field + 2 > bytes.size()) return;
  uint64_t sum = 0;
  for (size_t at = start; at < bytes.size(); at += 2) {
    sum += bytes[at] << 8 | (at + 1 < bytes.size() ? bytes[at + 1] : 0);
  }
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  uint16_t checksum = static_cast<uint16_t>(~sum);
  // RFC 768: a computed 0 is sent as all ones. TCP and ICMP read both as the same number.
  if (checksum == 0) checksum = 0xffff;
  bytes[field] = static_cast<uint8_t>(checksum >> 8);
  bytes[field + 1] = static_cast<uint8_t>(checksum);
  std::memset(bytes.data(), 0, sizeof header);
}

void Send(const Direction& direction, const std::vector<uint8_t>& bytes) {
  // A frame that the interface refuses is lost, as on any link.
  if (send(direction.output, bytes.data(), bytes.size(), 0) < 0) return;
}

void Accept(Direction& direction, std::vector<uint8_t> bytes, int64_t arrival) {
  CompleteChecksum(bytes);
  if (IsNeighbourDiscovery(bytes.data() + sizeof(VirtioHeader), bytes.size() - sizeof(VirtioHeader))) {
    Send(direction, bytes);
    return;
  }
  const Line& line = direction.line;
  if (line.loss > 0 && Uniform(0, 1) < line.loss) return;
  if (direction.queued_frames >= kMaxQueuedFrames || direction.queued_bytes + bytes.size() > kMaxQueuedBytes) return;
  int64_t due = arrival + line.delay;
  if (line.jitter > 0) due += static_cast<int64_t>(Uniform(-1, 1) * static_cast<double>(line.jitter));
  if (!line.reorder) due = std::max(due, direction.last_due);
  direction.last_due = due;
  direction.queued_frames++;
  direction.queued_bytes += bytes.size();
  queue.push({due, frames++, &direction, std::move(bytes)});
}

void Receive(Direction& direction) {
  static uint8_t buffer[kMaxFrame];
  alignas(cmsghdr) char control[256];
  for (int count = 0; count < kFramesPerTurn; count++) {
    iovec part{buffer, sizeof buffer};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t length = recvmsg(direction.input, &message, 0);
    if (length < 0) return;
    if (static_cast<size_t>(length) < sizeof(VirtioHeader) || (message.msg_flags & MSG_TRUNC) != 0) continue;
    // Counted from the arrival at the interface, not from when this process got a processor.
    const int64_t age = std::max<int64_t>(Now(CLOCK_REALTIME) - ArrivalTime(message), 0);
    Accept(direction, {buffer, buffer + length}, Now(CLOCK_MONOTONIC) - age);
  }
}

void SendDue() {
  while (!queue.empty() && queue.top().due <= Now(CLOCK_MONOTONIC)) {
    const Frame& frame = queue.top();
    Send(*frame.direction, frame.bytes);
    frame.direction->queued_frames--;
    frame.direction->queued_bytes -= frame.bytes.size();
    queue.pop();
  }
}

void SetTimer(int timer) {
  // An absolute time that has passed fires at once; zero disarms the timer.
  itimerspec when{};
  if (!queue.empty()) {
    const int64_t due = std::max<int64_t>(queue.top().due, 1);
    when.it_value = {due / kNanoseconds, due % kNanoseconds};
  }
  timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, nullptr);
}

void Watch(int epoll, int fd, Direction* direction) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = direction;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) Fail("epoll_ctl");
}

void StartLine(int epoll, const char* inside, const char* outside, const Line& line) {
  const int a = OpenPacketSocket(inside, true);
  const int b = OpenPacketSocket(outside, true);
  Watch(epoll, a, &directions.emplace_back(Direction{line, a, b}));
  Watch(epoll, b, &directions.emplace_back(Direction{line, b, a}));
}

void Command(int epoll, const std::string& text) {
  char inside[IFNAMSIZ];
  char outside[IFNAMSIZ];
  long long delay;
  long long jitter;
  double loss;
  int reorder;
  if (std::sscanf(text.c_str(), "line %15s %15s %lld %lld %lf %d", inside, outside, &delay, &jitter, &loss,
                  &reorder) == 6) {
    StartLine(epoll, inside, outside, {delay, jitter, loss, reorder != 0});
  } else if (text == "sync") {
    std::puts("ready");
    std::fflush(stdout);
  } else {
    std::fprintf(stderr, "not a command: %s\n", text.c_str());
    std::exit(2);
  }
}

// Returns false at the end of stdin.
bool ReadCommands(int epoll) {
  static std::string pending;
  char text[4096];
  const ssize_t length = read(STDIN_FILENO, text, sizeof text);
  if (length <= 0) return length < 0 && errno == EINTR;
  pending.append(text, static_cast<size_t>(length));
  for (size_t end; (end = pending.find('\n')) != std::string::npos; pending.erase(0, end + 1)) {
    Command(epoll, pending.substr(0, end));
  }
  return true;
}

}  // namespace

int main() {
  // To be on time beside busy programs. Without permission, the lines are only less exact.
  prctl(PR_SET_TIMERSLACK, 1);
  setpriority(PRIO_PROCESS, 0, -20);
  srand48(Now(CLOCK_MONOTONIC));
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (epoll < 0 || timer < 0) Fail("epoll_create1, timerfd_create");
  Direction on_stdin{};
  Direction on_timer{};
  Watch(epoll, STDIN_FILENO, &on_stdin);
  Watch(epoll, timer, &on_timer);
  for (;;) {
    epoll_event events[64];
    const int count = epoll_wait(epoll, events, 64, -1);
    if (count < 0 && errno != EINTR) Fail("epoll_wait");
    for (int index = 0; index < count; index++) {
      auto* source = static_cast<Direction*>(events[index].data.ptr);
      if (source == &on_stdin) {
        if (!ReadCommands(epoll)) return 0;
      } else if (source == &on_timer) {
        uint64_t expirations;
        if (read(timer, &expirations, sizeof expirations) < 0) continue;
      } else {
        Receive(*source);
      }
    }
    SendDue();
    SetTimer(timer);
  }
}
