/** A process with a crowd: carries out one command of its parent after the other; see generator.ts. */
import { once } from 'node:events';
import { Crowd, type CrowdOptions } from './crowd.js';

export type Command =
  | { readonly do: 'open'; readonly options: CrowdOptions }
  | { readonly do: 'join' | 'known' | 'traffic' | 'answers' | 'forget' | 'back' }
  | { readonly do: 'change' | 'ask'; readonly perSecond: number; readonly seconds: number };

/** What to add to performance.now() for sharedNow(). */
const SHARED = Number(process.hrtime.bigint()) / 1e6 - performance.now();

let crowd: Crowd | undefined;

async function carryOut(command: Command): Promise<unknown> {
  if (command.do === 'open') {
    crowd = await Crowd.open(command.options);
    return undefined;
  }
  if (crowd === undefined) {
    throw new Error('there is no crowd yet');
  }
  switch (command.do) {
    case 'join':
      return crowd.join();
    case 'known':
      return crowd.known;
    case 'traffic':
      return crowd.traffic;
    case 'change':
      return crowd.change(command.perSecond, command.seconds);
    case 'ask':
      // Beside other commands, until its time is over.
      void crowd.ask(command.perSecond, AbortSignal.timeout(command.seconds * 1000));
      return undefined;
    case 'answers':
      return crowd.takeAnswers();
    case 'forget':
      return crowd.forget();
    case 'back':
      return crowd.answeredAt.map((time) => time + SHARED);
  }
}

process.once('disconnect', () => process.exit());
for (;;) {
  const [command] = (await once(process, 'message')) as [Command];
  process.send?.({ result: await carryOut(command) });
}
