import { randomBytes } from 'node:crypto';
import { HeldPort } from '../../socket/held-port.js';
import { openRawSocket, type RawSocket } from '../../socket/raw-socket.js';
import { type Endpoint, type Family, formatEndpoint } from '../../wire/endpoint.js';
import {
  encodeStunRequest,
  STUN_HEADER_LENGTH,
  TRANSACTION_AT,
  TRANSACTION_LENGTH,
} from '../../wire/stun.js';
import { decodeStunResponse, STUN_RESPONSE_LENGTHS } from '../../wire/stun-response.js';
import type { Device } from '../../wireguard/device.js';
import { clock } from '../boot-clock.js';
import { Channel } from '../channel.js';
import { ownAddresses } from '../host-addresses.js';
import type { Problems } from '../problems.js';
import { ServerLocator, type ServerName } from '../server-locator.js';
import { type NatBehaviour, natText, type Observation } from './nat-behaviour.js';
import { NatSurvey, type Question, type Sources } from './nat-survey.js';
import type { ObservingServer, ServerAnswer } from './observing-server.js';

const FAMILIES: readonly Family[] = [4, 6];

/** The first four bytes of a STUN request without attributes: type and length. */
const PLAIN_REQUEST_FIRST_WORD = 0x00010000;

/** The length of the answer to a sealed question, padded. */
const OBSERVED_MESSAGE_LENGTH = 80;

/** Questions whose answers are still accepted. */
const MAX_PENDING = 64;

export interface NatObserverOptions {
  /** STUN servers to ask besides. */
  readonly stunServers: readonly ServerName[];
  readonly problems: Problems;
  /** Called when there may be something to do. */
  readonly wake: () => void;
  /** Called when the behaviour of a family has changed, with a line for people. */
  readonly changed: (family: Family, text: string) => void;
}

interface Pending {
  readonly survey: NatSurvey;
  readonly question: Question;
  readonly localPort: number;
}

/**
 * Learns how the NATs in front of this host behave, from WireGuard's own port: asks the rendezvous server in
 * its sealed session, and STUN servers. It sends a few datagrams when there is something to learn, and delays
 * nothing.
 */
export class NatObserver {
  readonly #options: NatObserverOptions;
  readonly #surveys: Record<Family, NatSurvey> = { 4: new NatSurvey(4), 6: new NatSurvey(6) };
  readonly #stunServers: readonly { readonly name: ServerName; readonly locator: ServerLocator }[];
  /** By the name of a sealed question, or the transaction id of a STUN request. */
  readonly #pending = new Map<string, Pending>();
  readonly #channels = new Map<string, Channel>();
  readonly #hairpins = new Map<Family, RawSocket>();
  readonly #heldPorts = new Map<string, HeldPort>();
  readonly #said = new Map<Family, string>();
  #server: ObservingServer | undefined;
  #ownAddresses: readonly string[] | undefined;
  /** What to say of STUN servers that did not answer in the last complete survey. */
  #stunSilence: string | undefined;
  #closing: Promise<unknown> = Promise.resolve();

  constructor(options: NatObserverOptions) {
    this.#options = options;
    this.#stunServers = options.stunServers.map((name) => ({
      name,
      locator: new ServerLocator(name, options.wake),
    }));
  }

  /** What is known of a family now. */
  behaviour(family: Family): NatBehaviour {
    return this.#surveys[family].behaviour;
  }

  observations(family: Family): readonly Observation[] {
    return this.#surveys[family].observations;
  }

  /** Whether nothing more is being asked about a family. */
  isSettled(family: Family): boolean {
    return this.#surveys[family].isSettled;
  }

  /** A peer at `asked` saw WireGuard's port at `mapped`, as its response to a probe says. */
  seenByPeer(asked: Endpoint, mapped: Endpoint, now: number): void {
    const survey = this.#surveys[mapped.family];
    if (survey.seenByPeer(asked, mapped, now)) {
      this.#tell(mapped.family, survey.behaviour);
    }
  }

  /** An address of this host changed: what was learned is void. */
  refresh(now: number): void {
    this.#ownAddresses = undefined;
    this.#pending.clear();
    for (const family of FAMILIES) {
      this.#surveys[family].restart(now);
    }
  }

  /**
   * Takes in what is known, and asks what is due.
   * @param device as read last; undefined while the interface cannot be used
   * @param mayAsk whether anything is to be asked that was not asked yet
   * @param isAwaited whether a peer waits for the result
   */
  work(
    device: Device | undefined,
    server: ObservingServer | undefined,
    mayAsk: boolean,
    isAwaited: boolean,
    now: number,
  ): void {
    this.#server = server;
    if (device === undefined) {
      this.#shut();
      return;
    }
    this.#ownAddresses ??= ownAddresses();
    this.#locate(now);
    for (const answer of server?.takeAnswers() ?? []) {
      this.#take(answer);
    }
    for (const family of FAMILIES) {
      this.#workOn(family, device, { ownAddresses: this.#ownAddresses, mayAsk, isAwaited }, now);
    }
    if (FAMILIES.every((family) => this.#surveys[family].isSettled)) {
      this.#noticeSilence();
      this.#shut();
    }
  }

  /** When there is something to do; Infinity for never. */
  get nextAt(): number {
    return Math.min(...FAMILIES.map((family) => this.#surveys[family].nextAt));
  }

  async close(): Promise<void> {
    this.#shut();
    await this.#closing;
  }

  #workOn(
    family: Family,
    device: Device,
    known: Pick<Sources, 'ownAddresses' | 'mayAsk' | 'isAwaited'>,
    now: number,
  ): void {
    const survey = this.#surveys[family];
    const server = this.#server?.endpoint(family);
    survey.use(
      {
        ...known,
        localPort: device.listenPort,
        server,
        otherPort: this.#server?.otherPort(family) ?? 0,
        seenElsewhere: this.#server?.seenElsewhere(family) ?? [],
        stunServers: this.#stunServers.flatMap(({ locator }) => locator.endpointOf(family) ?? []),
      },
      now,
    );
    const [seen, seenAt] = [this.#server?.seenFrom(family), this.#server?.seenAt(family)];
    if (seen !== undefined && seenAt !== undefined) {
      survey.seenFrom(seen, seenAt, now);
    }
    survey.expire(now);
    for (const question of survey.due(now)) {
      this.#ask(survey, question, device);
    }
    if (survey.isSettled) {
      this.#tell(family, survey.behaviour);
    }
  }

  #tell(family: Family, behaviour: NatBehaviour): void {
    const text = natText(behaviour);
    const isNews = (this.#said.get(family) ?? 'unknown') !== text && text !== 'unknown';
    if (isNews) {
      this.#said.set(family, text);
      this.#options.changed(family, text);
    }
  }

  #locate(now: number): void {
    const { problems } = this.#options;
    for (const { locator } of this.#stunServers) {
      locator.poll(now);
    }
    const failure = this.#stunServers.find(({ locator }) => locator.error)?.locator.error;
    const problem = failure ?? this.#stunSilence;
    if (problem !== undefined) {
      problems.raise('stun', problem);
    } else if (this.#stunServers.length > 0) {
      problems.clear('stun');
    }
  }

  /** A survey that asked no one, for example without a route, says nothing new. */
  #noticeSilence(): void {
    const asked = this.#stunServers
      .map(({ name, locator }) => ({
        name,
        answers: FAMILIES.flatMap((family) => {
          const to = locator.endpointOf(family);
          return (to && this.#surveys[family].hasStunAnswer(to)) ?? [];
        }),
      }))
      .filter(({ answers }) => answers.length > 0);
    if (asked.length === 0) {
      return;
    }
    const silent = asked.filter(({ answers }) => !answers.includes(true));
    const names = silent.map(({ name: { host, port } }) => `${host}, UDP port ${port}`).join('; ');
    this.#stunSilence =
      silent.length === 0
        ? undefined
        : `no answer to STUN from ${names}: correct --stun or drop it`;
  }

  /** Sends a question. If that fails, it is asked again, and in the end counts as not answered. */
  #ask(survey: NatSurvey, question: Question, device: Device): void {
    try {
      switch (question.kind) {
        case 'stun':
        case 'hairpin':
          this.#askByStun(survey, question, device);
          break;
        default:
          this.#askServer(survey, question, device);
      }
    } catch {
      // No route to a STUN server, or a gateway that says so: one answer less.
    }
  }

  #askServer(survey: NatSurvey, question: Question, device: Device): void {
    const { kind, to } = question;
    const sealed = this.#server?.question(to.family);
    if (sealed === undefined) {
      return;
    }
    const { message, name } = sealed;
    const localPort = kind === 'held' ? this.#heldPort(question) : device.listenPort;
    if (localPort === 0) {
      return; // no free port
    }
    this.#expect(name, { survey, question, localPort });
    if (kind === 'server') {
      this.#server?.send(to.family, message);
    } else {
      this.#channel(to, localPort, [OBSERVED_MESSAGE_LENGTH], device).send(message);
    }
  }

  #askByStun(survey: NatSurvey, question: Question, device: Device): void {
    const { kind, to } = question;
    const { listenPort: localPort } = device;
    const transaction = randomBytes(TRANSACTION_LENGTH);
    this.#expect(hexOf(transaction), { survey, question, localPort });
    const request = encodeStunRequest(transaction);
    if (kind === 'hairpin') {
      this.#hairpinSocket(to.family, device).send(request, to);
    } else {
      this.#channel(to, localPort, STUN_RESPONSE_LENGTHS, device).send(request);
    }
  }

  #expect(name: string, pending: Pending): void {
    this.#pending.set(name, pending);
    for (const oldest of [...this.#pending.keys()].slice(0, -MAX_PENDING)) {
      this.#pending.delete(oldest);
    }
  }

  #take({ question: name, mapped, otherPort }: ServerAnswer): void {
    const pending = this.#pending.get(name);
    if (pending === undefined) {
      return;
    }
    this.#pending.delete(name);
    const { survey, question, localPort } = pending;
    const observation = { localPort, asked: question.to, mapped, at: clock.now() };
    survey.answered(question, observation, otherPort);
    this.#options.wake();
  }

  #channel(
    server: Endpoint,
    listenPort: number,
    payloadLengths: readonly number[],
    { fwmark }: Device,
  ): Channel {
    const key = `${formatEndpoint(server)} ${listenPort}`;
    const channel =
      this.#channels.get(key) ??
      new Channel(
        (payload) => this.#received(payload),
        () => {},
        () => {},
      );
    this.#channels.set(key, channel);
    channel.use({ server, listenPort, fwmark, payloadLengths });
    return channel;
  }

  /** A sealed answer, or a STUN response; anything else, and what was not asked for, is ignored. */
  #received(payload: Uint8Array): void {
    const response = decodeStunResponse(payload);
    if (response !== undefined) {
      if (response.mapped !== undefined) {
        const question = hexOf(response.transaction);
        this.#take({ question, mapped: response.mapped, otherPort: 0 });
      }
      return;
    }
    const answer = this.#server?.open(payload);
    if (answer !== undefined) {
      this.#take(answer);
    }
  }

  /** Receives what this host sends to its own mapping, from whatever address the NAT makes it come. */
  #hairpinSocket(family: Family, { listenPort, fwmark }: Device): RawSocket {
    const open = this.#hairpins.get(family);
    if (open !== undefined) {
      return open;
    }
    const socket = openRawSocket({
      rule: {
        family,
        source: undefined,
        listenPort,
        payloadLengths: [STUN_HEADER_LENGTH],
        firstWord: PLAIN_REQUEST_FIRST_WORD,
      },
      mark: fwmark,
      onPayload: (payload, mapped) =>
        this.#take({ question: hexOf(payload.subarray(TRANSACTION_AT)), mapped, otherPort: 0 }),
      onError: () => {},
    });
    this.#hairpins.set(family, socket);
    return socket;
  }

  #heldPort({ to, ordinal }: Question): number {
    const key = `${to.family} ${ordinal}`;
    const held = this.#heldPorts.get(key) ?? new HeldPort(to.family);
    this.#heldPorts.set(key, held);
    return held.port;
  }

  /** Closes all sockets: their filters see all UDP packets of the host. */
  #shut(): void {
    const open = [
      ...this.#channels.values(),
      ...this.#hairpins.values(),
      ...this.#heldPorts.values(),
    ];
    this.#channels.clear();
    this.#hairpins.clear();
    this.#heldPorts.clear();
    this.#pending.clear();
    if (open.length > 0) {
      this.#closing = Promise.all([this.#closing, ...open.map((it) => it.close())]);
    }
  }
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
