// Who is online: one entry for each connection. A list asked for at one moment and the comings and goings announced all the
// time are two sources; what is announced while a list is on its way is applied over it again, so that neither undoes the other.

export class Presence {
  #people = new Map();
  #asked = 0;
  #meanwhile = [];

  /** Forgets everyone. */
  reset() {
    this.#people.clear();
    this.#asked = 0;
    this.#meanwhile = [];
  }

  /** A list has been asked for. */
  asked() {
    this.#asked++;
  }

  /** The list has come, or will not come if people is not given. */
  answered(people) {
    if (people) {
      this.#people = new Map(people.map(person => [person.connectionId, person]));
      this.#meanwhile.forEach(change => change());
    }

    if (--this.#asked === 0) {
      this.#meanwhile = [];
    }
  }

  cameOnline(person) {
    this.#apply(() => this.#people.set(person.connectionId, person));
  }

  wentOffline(connectionId) {
    this.#apply(() => this.#people.delete(connectionId));
  }

  /** Node names in order, each with its users' names in order and how many connections each has there. */
  byNode() {
    const nodes = new Map();
    for (const { node, name } of this.#people.values()) {
      const users = nodes.get(node) ?? nodes.set(node, new Map()).get(node);
      users.set(name, (users.get(name) ?? 0) + 1);
    }

    const sorted = map => [...map].sort(([a], [b]) => a.localeCompare(b));
    return sorted(nodes).map(([node, users]) => [node, sorted(users)]);
  }

  /** How many users are online. */
  get count() {
    return new Set([...this.#people.values()].map(person => person.name)).size;
  }

  #apply(change) {
    change();
    if (this.#asked > 0) {
      this.#meanwhile.push(change);
    }
  }
}
