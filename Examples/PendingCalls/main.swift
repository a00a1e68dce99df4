// TeleportRPC alone: the multiplexer without a socket or a clock. A call times out; its late answer reaches nobody.
//
//     swift run PendingCalls

import TeleportRPC
import TeleportWire

// The completion is whatever the driver needs; here a name.
var machine = ClientStateMachine<String>(limits: ClientLimits(maxPending: 2))
machine.connected()

@MainActor func call(_ name: String, deadline: Nanoseconds) -> CallID? {
    switch machine.callRequested() {
    case .admit(let id):
        // Here a real driver encodes the message under this id.
        _ = machine.callEncoded(id, deadline: deadline, completion: name)
        print("\(name): call \(id)")
        return id
    case .refuseTooManyPending, .refuseNotAccepting:
        print("\(name): refused")
        return nil
    }
}

let slow = call("slow", deadline: 10)
let quick = call("quick", deadline: 100)
_ = call("one too many", deadline: 100)

if let quick, case .complete(let name, _) = machine.answerReceived(quick) { print("\(name): answered") }

// The driver has a timer for `nextDeadline`, and says what time it is.
print("expired:", machine.deadlineReached(now: machine.nextDeadline).expired)

if let slow, case .dropLate = machine.answerReceived(slow) { print("a late answer was dropped") }
