// A key's ledger as a statement: each transfer with the balances after it. Pure.

/** What each kind does to granted, available, reserved and charged (the mock's own table of entries). */
const ENTRIES = {
  grant: [1, 1, 0, 0],
  withdraw: [-1, -1, 0, 0],
  pending: [0, -1, 1, 0],
  posted: [0, 0, -1, 1],
  voided: [0, 1, -1, 0],
};
const NAMES = ["granted", "available", "reserved", "charged"];

export const WORDS = {
  grant: "granted",
  withdraw: "withdrawn",
  pending: "reserved",
  posted: "charged",
  voided: "released",
};

/** Lines newest first: {…transfer, balance}, the user's balance after each; the oldest are no longer listed. */
export function statement(book) {
  let balance = { ...book.user };
  const lines = [];
  for (const transfer of [...book.transfers].reverse()) {
    lines.push({ ...transfer, balance });
    if (transfer.account !== "token") balance = before(balance, transfer);
  }
  return { lines, opening: balance };
}

function before(balance, transfer) {
  const signs = ENTRIES[transfer.kind];
  return Object.fromEntries(NAMES.map((name, index) => [name, balance[name] - signs[index] * transfer.amount_uc]));
}

/** Whether granted = available + reserved + charged. */
export function balances(balance) {
  return balance.granted === balance.available + balance.reserved + balance.charged;
}
