using System.Diagnostics;
using System.Text;

namespace DistributedSockets;

/// <summary>The W3C trace context of whoever sends, in the bytes of <see cref="EnvelopeExtension.TraceContext"/>.</summary>
internal static class TraceContextValue
{
    /// <summary>Without a trace state: trace id (16), id of the parent (8), flags.</summary>
    internal const int MinBytes = StateAt;

    /// <summary>With the longest trace state.</summary>
    internal const int MaxBytes = StateAt + MaxStateBytes;

    /// <summary>What the specification asks everybody to pass on. A longer one is left out.</summary>
    private const int MaxStateBytes = 512;

    private const int ParentAt = 16;
    private const int FlagsAt = ParentAt + 8;
    private const int StateAt = FlagsAt + 1;

    /// <summary>The context of the activity in progress, if it is recorded; else none, as nobody would miss it.</summary>
    internal static ActivityContext Current =>
        Activity.Current is { Recorded: true, IdFormat: ActivityIdFormat.W3C } activity ? activity.Context : default;

    /// <summary>How many bytes a context takes; 0 if there is none.</summary>
    internal static int CountBytes(in ActivityContext context) => context.TraceId == default ? 0 : StateAt + StateOf(context).Length;

    /// <summary>Writes a context.</summary>
    /// <param name="destination">As many bytes as <see cref="CountBytes"/> says.</param>
    /// <param name="context">The context.</param>
    internal static void Write(Span<byte> destination, in ActivityContext context)
    {
        context.TraceId.CopyTo(destination[..ParentAt]);
        context.SpanId.CopyTo(destination[ParentAt..FlagsAt]);
        destination[FlagsAt] = (byte)context.TraceFlags;
        Encoding.ASCII.GetBytes(StateOf(context), destination[StateAt..]);
    }

    /// <summary>Reads a context; false if it is none.</summary>
    /// <param name="value">At least <see cref="MinBytes"/>.</param>
    /// <param name="context">The context.</param>
    internal static bool TryRead(ReadOnlySpan<byte> value, out ActivityContext context)
    {
        context = default;
        if (!value[..ParentAt].ContainsAnyExcept((byte)0) || !value[ParentAt..FlagsAt].ContainsAnyExcept((byte)0))
        {
            return false;
        }

        var state = value[StateAt..];
        context = new(
            ActivityTraceId.CreateFromBytes(value[..ParentAt]),
            ActivitySpanId.CreateFromBytes(value[ParentAt..FlagsAt]),
            (ActivityTraceFlags)value[FlagsAt],
            IsPrintable(state) ? Encoding.ASCII.GetString(state) : null,
            isRemote: true);
        return true;
    }

    private static ReadOnlySpan<char> StateOf(in ActivityContext context)
    {
        if (context.TraceState is not { Length: <= MaxStateBytes } state)
        {
            return default;
        }

        foreach (var character in state)
        {
            if (!IsPrintable(character))
            {
                return default;
            }
        }

        return state;
    }

    private static bool IsPrintable(ReadOnlySpan<byte> state)
    {
        foreach (var character in state)
        {
            if (!IsPrintable((char)character))
            {
                return false;
            }
        }

        return !state.IsEmpty;
    }

    private static bool IsPrintable(char character) => character is >= ' ' and <= '~';
}
