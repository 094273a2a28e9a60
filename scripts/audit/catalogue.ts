/** One invariant of docs/audit.md, as far as tables and dead-letter queues can tell. */
export const invariants = {
  I1: 'every balance is its opening value plus its ledger, and not negative',
  I2: 'every stock is its opening value plus its movements, and not negative',
  I3: 'at most one debit and one refund per order, as its payment says',
  I4: 'at most one reserve and one release per line, as its reservation says',
  I5: 'an order ends once, and its history says the same',
  I6: 'every state change has its outbox row, and every outbox row its state change',
  I7: 'every effect has its inbox row, and every handled event its answer',
  I8: 'no order waits beyond its deadline',
  I9: 'SUCCESS is paid and reserved once and rightly, FAILED holds nothing',
  I10: 'money taken = totals of SUCCESS orders',
  I11: 'stock taken = pieces of SUCCESS orders',
  I12: 'every event is published, and none comes from elsewhere',
  I13: 'every published event is handled by each subscriber',
  I14: 'the dead-letter queues are empty',
  I17: 'the events of an order are published in their order',
} as const
export type Invariant = keyof typeof invariants

/** What a finding is about; the next command is built from it. */
export type Next = 'explain' | 'ledger' | 'movements' | 'status' | 'retry' | 'repair' | 'dead'

interface Entry {
  invariant: Invariant
  title: string
  means: string
  next: Next
  /** Seen across databases or in motion: looked at again after a pause before it is reported. */
  again?: true
}

const entry = <const E extends Entry>(it: E) => it

/** Every code that the audit can report; codes are stable. docs/audit.md is made from this. */
export const catalogue = {
  'money.balance_mismatch': entry({
    invariant: 'I1',
    title: 'balance differs from the ledger',
    means:
      'The balance of a user is not the opening balance plus deposits and refunds minus debits. Somebody changed the balance or the ledger outside the service.',
    next: 'ledger',
  }),
  'money.balance_negative': entry({
    invariant: 'I1',
    title: 'negative balance',
    means: 'A balance below zero, which a CHECK constraint refuses: the constraint is gone.',
    next: 'ledger',
  }),
  'money.unknown_user': entry({
    invariant: 'I1',
    title: 'ledger of nobody',
    means: 'Ledger rows name a user that has no row. Users are marked as deleted, never removed.',
    next: 'ledger',
  }),
  'stock.count_mismatch': entry({
    invariant: 'I2',
    title: 'stock differs from the movements',
    means:
      'The stock of a product is not the opening stock plus restocks and releases minus reserves. Somebody changed the stock or the movements outside the service.',
    next: 'movements',
  }),
  'stock.negative': entry({
    invariant: 'I2',
    title: 'negative stock',
    means: 'Stock below zero, which a CHECK constraint refuses: the constraint is gone.',
    next: 'movements',
  }),
  'stock.unknown_product': entry({
    invariant: 'I2',
    title: 'movements of nothing',
    means: 'Stock movements name a product that has no row. Products are marked as deleted, never removed.',
    next: 'movements',
  }),
  'money.double_debit': entry({
    invariant: 'I3',
    title: 'debited more than once',
    means: 'One order has several DEBIT rows: the user paid more than once.',
    next: 'explain',
  }),
  'money.double_refund': entry({
    invariant: 'I3',
    title: 'refunded more than once',
    means: 'One order has several REFUND rows: the user got back more than was taken.',
    next: 'explain',
  }),
  'money.refund_mismatch': entry({
    invariant: 'I3',
    title: 'refund is not what was debited',
    means: 'A REFUND without a DEBIT, of another amount, or to another user.',
    next: 'explain',
  }),
  'money.payment_mismatch': entry({
    invariant: 'I3',
    title: 'payment differs from the ledger',
    means: 'What the payment row says was done for the order is not what the ledger rows say.',
    next: 'explain',
  }),
  'stock.double_reserve': entry({
    invariant: 'I4',
    title: 'reserved more than once',
    means: 'One line of an order has several RESERVE rows.',
    next: 'explain',
  }),
  'stock.double_release': entry({
    invariant: 'I4',
    title: 'released more than once',
    means: 'One line of an order has several RELEASE rows: stock appeared from nowhere.',
    next: 'explain',
  }),
  'stock.release_mismatch': entry({
    invariant: 'I4',
    title: 'release is not what was reserved',
    means: 'RELEASE rows without their RESERVE rows, or of other lines or quantities.',
    next: 'explain',
  }),
  'stock.reservation_mismatch': entry({
    invariant: 'I4',
    title: 'reservation differs from the movements',
    means: 'What the reservation row says was done for the order is not what the stock movements say.',
    next: 'explain',
  }),
  'order.two_endings': entry({
    invariant: 'I5',
    title: 'more than one ending',
    means: 'The history has two terminal rows: the order was SUCCESS and FAILED, or ended twice.',
    next: 'explain',
  }),
  'order.history_mismatch': entry({
    invariant: 'I5',
    title: 'status differs from the history',
    means: 'The status (or reason) of the order is not what the trigger wrote down: one was changed by hand.',
    next: 'explain',
  }),
  'order.reason_mismatch': entry({
    invariant: 'I5',
    title: 'reason does not fit the status',
    means: 'A FAILED order without one of the known reasons, or another order with a reason.',
    next: 'explain',
  }),
  'outbox.missing': entry({
    invariant: 'I6',
    title: 'state change without its event',
    means: 'A service changed its state and its outbox does not say so: nobody else will ever hear of it.',
    next: 'explain',
    again: true,
  }),
  'outbox.doubled': entry({
    invariant: 'I6',
    title: 'said more than once',
    means:
      'One state change has several outbox rows, with ids of their own: the inbox can not tell that they are one.',
    next: 'explain',
    again: true,
  }),
  'outbox.unfounded': entry({
    invariant: 'I6',
    title: 'event without its state change',
    means:
      'The outbox says something that the state of its service does not: others act on what did not happen.',
    next: 'explain',
    again: true,
  }),
  'outbox.wrong_content': entry({
    invariant: 'I6',
    title: 'event says another amount',
    means: 'The amount in an outbox row is not the amount of the state change that it tells of.',
    next: 'explain',
    again: true,
  }),
  'outbox.wrong_address': entry({
    invariant: 'I6',
    title: 'event with a wrong type or address',
    means:
      'An outbox row whose type is not its service’s, or whose exchange or routing key is not that type’s.',
    next: 'explain',
  }),
  'order.missing': entry({
    invariant: 'I6',
    title: 'effects of an order that does not exist',
    means:
      'Stock is reserved, money is taken, or events were said for an order that the order service has no row of.',
    next: 'explain',
    again: true,
  }),
  'inbox.missing': entry({
    invariant: 'I7',
    title: 'effect without its inbox row',
    means:
      'A service reacted to an event that its inbox does not have: if the event comes again, it reacts again.',
    next: 'explain',
  }),
  'inbox.doubled': entry({
    invariant: 'I7',
    title: 'handled more than once',
    means: 'One consumer has several inbox rows for one event: the primary key is gone.',
    next: 'status',
  }),
  'event.unanswered': entry({
    invariant: 'I7',
    title: 'handled without effect or answer',
    means:
      'The inbox has the event, but its service has neither the row nor the event that handling it leaves behind.',
    next: 'explain',
    again: true,
  }),
  'order.stuck': entry({
    invariant: 'I8',
    title: 'PROCESSING beyond its deadline',
    means:
      'The deadline (ORDER_DEADLINE_MS) and the grace are over, and nobody ended the order: is the order service running?',
    next: 'explain',
    again: true,
  }),
  'money.not_taken': entry({
    invariant: 'I9',
    title: 'SUCCESS without a debit',
    means: 'The order succeeded and its user paid nothing.',
    next: 'explain',
    again: true,
  }),
  'money.wrong_amount': entry({
    invariant: 'I9',
    title: 'SUCCESS with another amount debited',
    means: 'What was debited is not the price times the quantity of what was reserved.',
    next: 'explain',
    again: true,
  }),
  'money.wrong_user': entry({
    invariant: 'I9',
    title: 'debited from somebody else',
    means: 'The debit of the order is in the ledger of another user than the one who ordered.',
    next: 'explain',
    again: true,
  }),
  'money.refunded_after_success': entry({
    invariant: 'I9',
    title: 'SUCCESS and refunded',
    means: 'The order succeeded and its user got the money back.',
    next: 'explain',
    again: true,
  }),
  'money.held': entry({
    invariant: 'I9',
    title: 'FAILED and still debited',
    means: 'The order failed and its user was not refunded.',
    next: 'explain',
    again: true,
  }),
  'stock.not_reserved': entry({
    invariant: 'I9',
    title: 'SUCCESS without a reservation',
    means: 'The order succeeded and nothing was taken from the stock.',
    next: 'explain',
    again: true,
  }),
  'stock.wrong_lines': entry({
    invariant: 'I9',
    title: 'SUCCESS with other lines reserved',
    means: 'What was reserved is not what was ordered, line by line.',
    next: 'explain',
    again: true,
  }),
  'stock.released_after_success': entry({
    invariant: 'I9',
    title: 'SUCCESS and released',
    means: 'The order succeeded and its stock was given back.',
    next: 'explain',
    again: true,
  }),
  'stock.held': entry({
    invariant: 'I9',
    title: 'FAILED and still reserved',
    means: 'The order failed and its stock was not given back.',
    next: 'explain',
    again: true,
  }),
  'order.wrong_total': entry({
    invariant: 'I9',
    title: 'total is not price times quantity',
    means: 'The total of a SUCCESS order is not the sum over its reserved lines.',
    next: 'explain',
    again: true,
  }),
  'order.wrong_prices': entry({
    invariant: 'I9',
    title: 'prices differ from the reserved ones',
    means: 'The unit prices of the order are not those frozen at its reservation.',
    next: 'explain',
    again: true,
  }),
  'order.no_lines': entry({
    invariant: 'I9',
    title: 'order without lines',
    means: 'The order has no items, which no door lets in.',
    next: 'explain',
  }),
  'money.total_mismatch': entry({
    invariant: 'I10',
    title: 'money is not conserved',
    means: 'Over all users and orders, money appeared or vanished, and no other finding explains it.',
    next: 'status',
  }),
  'stock.total_mismatch': entry({
    invariant: 'I11',
    title: 'stock is not conserved',
    means: 'Over all products and orders, stock appeared or vanished, and no other finding explains it.',
    next: 'status',
  }),
  'event.unpublished': entry({
    invariant: 'I12',
    title: 'event waits in the outbox',
    means: 'A row waits for longer than six times the grace, and the relay is not on its way to it.',
    next: 'status',
    again: true,
  }),
  'event.parked': entry({
    invariant: 'I12',
    title: 'event is parked',
    means: 'The broker refused the event too often; it and what follows it in its order wait for a person.',
    next: 'retry',
  }),
  'event.unknown': entry({
    invariant: 'I12',
    title: 'handled an event that nobody said',
    means:
      'An inbox has an event that no outbox has: it was forged, or its outbox row was deleted by hand or pruned early.',
    next: 'explain',
  }),
  'outbox.duplicate_id': entry({
    invariant: 'I12',
    title: 'two events with one id',
    means: 'Two outbox rows have the same event id: consumers skip the second. The unique index is gone.',
    next: 'status',
  }),
  'event.unhandled': entry({
    invariant: 'I13',
    title: 'published and not handled',
    means:
      'The broker confirmed the event, and a subscriber neither handled it nor has it waiting, retried or dead-lettered.',
    next: 'repair',
    again: true,
  }),
  'event.dead_lettered': entry({
    invariant: 'I14',
    title: 'in a dead-letter queue',
    means: 'A service gave up on an event or a command; its reason is shown. Mend the cause, then redrive.',
    next: 'dead',
  }),
  'event.overtaken': entry({
    invariant: 'I17',
    title: 'published out of order',
    means: 'A later event of the same order is out while this one is not.',
    next: 'status',
    again: true,
  }),
} as const satisfies Record<string, Entry>

export type Code = keyof typeof catalogue
export const codes = Object.keys(catalogue) as Code[]
export const entryOf = (code: Code): Entry => catalogue[code]
