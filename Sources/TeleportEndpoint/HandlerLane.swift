public import TeleportTransport

/// Where the requests of one loop's connections wait for a task to handle them.
///
/// A task for each request would cost more than most handlers do. So a task takes one request after the other for as long
/// as handlers return without waiting for anything; when one waits, the others go on in another task.
@usableFromInline
enum HandlerLane<Codec: MessageCodec, Work: RequestWork>: Sendable
where Work.Request == Codec.Request, Work.Response == Codec.Response {
    case eventLoop(LoopLane<Codec, Work>)
    case pool(PoolLane<Codec, Work>)

    @inlinable
    init(_ body: TaskHandler<Codec, Work>.Body, _ placement: HandlerPlacement, _ executor: EventLoopExecutor) {
        switch placement {
        case .eventLoop: self = .eventLoop(LoopLane(body, executor))
        case .pool: self = .pool(PoolLane(body))
        }
    }

    @inlinable
    func add(_ job: consuming HandlerJob<Codec.Request, Codec.Response>) {
        switch self {
        case .eventLoop(let lane): lane.add(job)
        case .pool(let lane): lane.add(job)
        }
    }
}
