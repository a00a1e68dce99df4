public import NIOCore
internal import Synchronization
public import TeleportCompress

/// The ``CompressionAccount`` of a loop: all connections on it that have the same budget share it, those of clients and of
/// servers alike.
///
/// May be passed around, but is touched on its loop only.
@usableFromInline
final class LoopAccount: Sendable {
    private let box: NIOLoopBoundBox<CompressionAccount>

    init(
        _ budget: CompressionBudget, on eventLoop: any EventLoop, now: UInt64 = NIODeadline.now().uptimeNanoseconds
    ) {
        self.box = .makeBoxSendingValue(CompressionAccount(budget, now: now), eventLoop: eventLoop)
    }

    /// On the loop.
    var account: CompressionAccount {
        get { self.box.value }
        _modify { yield &self.box.value }
    }

    /// The account of a loop, made with the first connection that asks for it and gone with the last that holds it.
    @usableFromInline
    static func of(_ eventLoop: any EventLoop, _ budget: CompressionBudget) -> LoopAccount {
        Self.accounts.withLock { accounts in
            let key = Key(loop: ObjectIdentifier(eventLoop), budget: budget)
            // A loop lives as long as its account, so no other one has its identifier meanwhile.
            if let account = accounts[key]?.account { return account }
            accounts = accounts.filter { $0.value.account != nil }
            let account = LoopAccount(budget, on: eventLoop)
            accounts[key] = Weak(account: account)
            return account
        }
    }

    private struct Key: Hashable {
        let loop: ObjectIdentifier
        let budget: CompressionBudget
    }

    private struct Weak {
        weak var account: LoopAccount?
    }

    private static let accounts = Mutex<[Key: Weak]>([:])
}
