/** Peers that start at the same moment come in this time after the first answer of a server. */
const OTHERS_WITHIN_MS = 200;
/** No peer delays the survey for longer, from that answer on. */
const MAX_HOLD_MS = 1500;

/** Holds the survey of the NATs back for peers that may connect without it. Pure. */
export class SurveyHold {
  #answeredAt: number | undefined;

  /**
   * Until when the survey is held, in ms; in the past or `now`: not at all. Without a server that answers there is
   * no hold, nor 1.5 s after its first answer.
   * @param hasAnswered whether a server has answered
   * @param connectsBy until when peers may connect without a survey; -Infinity where there are none; asked only
   *   while there may be a hold
   */
  until(hasAnswered: boolean, connectsBy: () => number, now: number): number {
    if (hasAnswered) {
      this.#answeredAt ??= now;
    }
    const since = this.#answeredAt;
    const end = since === undefined ? now : since + MAX_HOLD_MS;
    if (since === undefined || now >= end) {
      return end;
    }
    const by = connectsBy();
    return Math.min(by === Number.NEGATIVE_INFINITY ? since + OTHERS_WITHIN_MS : by, end);
  }
}
