using System.Text;

namespace DistributedSockets;

/// <summary>What the sends of a hub have in common before anything is sent: what is refused, and what goes out beside the message.</summary>
internal sealed class SendPreparation(HubConnections hub, EnvelopeWriter writer, FrameDeflater deflater, TimeProvider time)
{
    /// <summary>Refuses names, keys and exclusions that cannot be.</summary>
    internal static void Check(in WebSocketTarget target, in SendOptions options)
    {
        for (var i = 0; i < target.Count; i++)
        {
            if (target.Kind == WebSocketTargetKind.Connections)
            {
                ArgumentNullException.ThrowIfNull(target[i], nameof(target));
            }
            else
            {
                Names.Check(target[i], nameof(target));
            }
        }

        if (options.ConflationKey is { } key && Names.Problem(key, "A conflation key") is { } problem)
        {
            throw new ArgumentException(problem, nameof(options));
        }

        if (options.IdempotencyKey is { } idempotency && Names.Problem(idempotency, "An idempotency key") is { } flaw)
        {
            throw new ArgumentException(flaw, nameof(options));
        }

        if (options.Metadata.Length > EnvelopeExtension.MaxMetadataBytes)
        {
            throw new ArgumentException($"The metadata of the message have {options.Metadata.Length} bytes; they may have {EnvelopeExtension.MaxMetadataBytes}.", nameof(options));
        }

        if (options.Filter is { } filter && (filter.Length == 0 || Encoding.UTF8.GetByteCount(filter) > RecipientFilters.MaxBytes))
        {
            throw new ArgumentException($"The filter has {Encoding.UTF8.GetByteCount(filter)} bytes of UTF-8; it has 1 to {RecipientFilters.MaxBytes}. Leave it null for no filter.", nameof(options));
        }

        var excluded = options.ExcludedConnectionIds;
        if (excluded.Count > ushort.MaxValue)
        {
            throw new ArgumentException(
                $"The options exclude {excluded.Count} connections; at most {ushort.MaxValue} can be. Send to a group instead.", nameof(options));
        }

        for (var i = 0; i < excluded.Count; i++)
        {
            ArgumentNullException.ThrowIfNull(excluded[i], nameof(options));
            if (excluded[i].Length > ConnectionId.MaxLength)
            {
                throw new ArgumentException($"An excluded connection id has {excluded[i].Length} characters; no connection has such an id.", nameof(options));
            }
        }
    }

    /// <summary>Says what goes out with a message, also where all receivers are here: what works on one node must work on two.</summary>
    /// <param name="target">Who gets it.</param>
    /// <param name="message">The message.</param>
    /// <param name="options">How it is sent.</param>
    /// <param name="confirmation">Under which id the sender waits for an answer; empty if it does not.</param>
    /// <param name="extensions">What goes into the envelope beside it.</param>
    /// <param name="together">Whether all names of the target go into one envelope.</param>
    /// <returns>What compresses it, if anything.</returns>
    /// <exception cref="ArgumentException">The message is too large for an envelope.</exception>
    internal FrameDeflater? Prepare(
        in WebSocketTarget target, in WebSocketMessage message, in SendOptions options, Guid confirmation, out EnvelopeExtensions extensions, bool together = false)
    {
        extensions = new() { Terms = DeliveryTerms.Of(options, hub.Options.RecipientFilters, time), Confirmation = confirmation };
        var bytes = SharedFrame.EncodedLength(message.Length);
        var room = writer.RoomFor(target, options.ExcludedConnectionIds, together) - extensions.Bytes;
        if (bytes > room)
        {
            throw new ArgumentException(
                $"The message has {message.Length} bytes, of which {Math.Max(0, room - SharedFrame.MaxHeaderBytes)} fit into an envelope with the names of this target and what the options add. " +
                "Nothing was sent. Send it in parts, or raise DistributedWebSocketsOptions.MaxEnvelopeBytes on all nodes.",
                nameof(message));
        }

        // The compressed frame is shorter than the plain one; it and the trace context are left out where there might be no room for them.
        var traced = extensions with { TraceContext = TraceContextValue.Current };
        var trace = traced.Bytes - extensions.Bytes;
        if (bytes + trace <= room)
        {
            room -= trace;
            extensions = traced;
        }

        return 2 * bytes <= room ? DeflaterFor(target) : null;
    }

    /// <summary>What compresses a message for a target: nothing if that is one connection of this node which takes no compressed frames.</summary>
    private FrameDeflater? DeflaterFor(in WebSocketTarget target) =>
        deflater.IsEnabled
        && !(target.Kind == WebSocketTargetKind.Connections && target.Count == 1 && hub.Find(target[0]) is { Queue.TakesDeflated: false })
            ? deflater
            : null;
}
