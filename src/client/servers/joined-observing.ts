import type { Family } from '../../wire/endpoint.js';
import type { ObservingServer, SeenElsewhere, ServerAnswer } from '../paths/observing-server.js';

/**
 * Joins several servers that report where they see this host. In each family it asks the first that answers. What the
 * others see shows a mapping that depends on the address.
 */
export function joinObserving(servers: readonly ObservingServer[]): ObservingServer {
  const first = (family: Family) => servers.find((one) => one.endpoint(family) !== undefined);
  // Each session numbers its own questions: names of two sessions may be equal.
  const named = (server: ObservingServer, name: string) => `${servers.indexOf(server)} ${name}`;
  const answerOf = (server: ObservingServer, answer: ServerAnswer): ServerAnswer => ({
    ...answer,
    question: named(server, answer.question),
  });
  return {
    endpoint: (family) => first(family)?.endpoint(family),
    seenFrom: (family) => first(family)?.seenFrom(family),
    seenAt: (family) => first(family)?.seenAt(family),
    otherPort: (family) => first(family)?.otherPort(family) ?? 0,
    seenElsewhere: (family) =>
      servers.filter((one) => one !== first(family)).flatMap((one) => seenBy(one, family)),
    question(family) {
      const server = first(family);
      const question = server?.question(family);
      return server && question && { ...question, name: named(server, question.name) };
    },
    send: (family, message) => first(family)?.send(family, message) ?? false,
    takeAnswers: () =>
      servers.flatMap((server) => server.takeAnswers().map((answer) => answerOf(server, answer))),
    open(message) {
      for (const server of servers) {
        const answer = server.open(message);
        if (answer !== undefined) {
          return answerOf(server, answer);
        }
      }
      return undefined;
    },
  };
}

function seenBy(server: ObservingServer, family: Family): SeenElsewhere[] {
  const [asked, mapped] = [server.endpoint(family), server.seenFrom(family)];
  const at = server.seenAt(family);
  return asked === undefined || mapped === undefined || at === undefined
    ? []
    : [{ asked, mapped, at }];
}
