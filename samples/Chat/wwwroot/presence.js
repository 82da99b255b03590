// Who is online. A list asked for at one moment and the comings and goings announced all the time are two sources; what was
// announced a short while ago is applied over a list again, so that neither undoes the other. Each announcement has a number:
// those of one person may overtake each other, and the largest counts. The numbers begin anew in another epoch.

const keptFor = 10_000; // milliseconds

export class Presence {
  #people = new Set();
  #recent = new Map();

  /** Forgets everyone. */
  reset() {
    this.#people.clear();
    this.#recent.clear();
  }

  /** The list has come. */
  answered(people) {
    this.#people = new Set(people);
    for (const [name, { at, isOnline }] of this.#recent) {
      if (performance.now() - at > keptFor) {
        this.#recent.delete(name);
      } else {
        this.#set(name, isOnline);
      }
    }
  }

  /** Someone came online or went offline. */
  changed(name, isOnline, number, epoch) {
    const last = this.#recent.get(name);
    if (last?.epoch === epoch && last.number >= number) {
      return;
    }

    this.#recent.set(name, { at: performance.now(), isOnline, number, epoch });
    this.#set(name, isOnline);
  }

  /** The names in order. */
  get names() {
    return [...this.#people].sort((a, b) => a.localeCompare(b));
  }

  #set(name, isOnline) {
    if (isOnline) {
      this.#people.add(name);
    } else {
      this.#people.delete(name);
    }
  }
}
