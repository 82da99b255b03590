namespace DistributedSockets;

/// <summary>Who writes what an outbound queue holds. Changed under the queue's lock only.</summary>
/// <remarks>
/// <code>
/// Unopened ── opened, nothing waits ──► Idle ── something is queued ──► Ready ── Start ──► Writing
///    │                                   ▲                                               │    │
///    │                                   └───────────── nothing waits any more ──────────┘    │
///    ├── opened, something waits ──► Writing                                                  │
///    └── abandoned ──► Ended ◄────────────────────── a write failed, and the owner was told ──┘
/// </code>
/// </remarks>
internal enum OutboundState
{
    /// <summary>There is nothing to write to yet: what is queued waits.</summary>
    Unopened,

    /// <summary>Nothing waits, and nobody writes.</summary>
    Idle,

    /// <summary>Something waits, and whoever queued it is about to call <see cref="OutboundQueue.Start"/>.</summary>
    Ready,

    /// <summary>Somebody writes, and goes on until nothing waits any more.</summary>
    Writing,

    /// <summary>Nothing is written any more.</summary>
    Ended,
}
