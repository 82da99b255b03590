using System.Runtime.CompilerServices;

namespace DistributedSockets;

/// <summary>Where in an envelope the values of its extensions stand, of those that the reader knows.</summary>
internal struct ExtensionPositions
{
    private Positions _positions;

    /// <summary>Reads the extension area, which the reader is left behind.</summary>
    /// <returns>
    /// <see cref="EnvelopeVerdict.Taken"/>; <see cref="EnvelopeVerdict.Unreadable"/> if its form is wrong, and then nothing behind it can be
    /// found; <see cref="EnvelopeVerdict.NotUnderstood"/> if there is something in it that must be understood and is not known.
    /// </returns>
    internal static EnvelopeVerdict Read(ref EnvelopeReader reader, EnvelopeKnowledge knowledge, out ExtensionPositions positions)
    {
        positions = default;
        if (!reader.TryReadUInt16(out var length))
        {
            return EnvelopeVerdict.Unreadable;
        }

        if (length == 0)
        {
            return EnvelopeVerdict.Taken;
        }

        var (start, end, verdict) = (reader.Position, reader.Position + length, EnvelopeVerdict.Taken);
        var last = -1;
        while (reader.Position < end)
        {
            // In ascending order, so that none comes twice.
            if (!reader.TryReadByte(out var id) || id <= last || !reader.TryReadBytes(out var value) || reader.Position > end)
            {
                return EnvelopeVerdict.Unreadable;
            }

            last = id;
            var isIgnorable = (id & EnvelopeKnowledge.MayBeIgnored) != 0;
            if (knowledge.FindExtension(id) is not { } extension)
            {
                verdict = isIgnorable ? verdict : EnvelopeVerdict.NotUnderstood;
            }
            else if (value.Length >= extension.MinBytes && value.Length <= extension.MaxBytes)
            {
                positions._positions[extension.Index] = new((ushort)(reader.Position - value.Length - start), (ushort)value.Length);
            }
            else if (!isIgnorable)
            {
                return EnvelopeVerdict.Unreadable;
            }
        }

        return reader.Position == end ? verdict : EnvelopeVerdict.Unreadable;
    }

    /// <summary>Finds the value of an extension.</summary>
    /// <param name="extension">The extension.</param>
    /// <param name="area">The extension area, behind its length, and what follows.</param>
    /// <param name="value">The value.</param>
    /// <returns>False if it is not there.</returns>
    internal readonly bool TryFind(EnvelopeExtension extension, ReadOnlySpan<byte> area, out ReadOnlySpan<byte> value)
    {
        var position = _positions[extension.Index];
        value = area.Slice(position.At, position.Length);
        return position.At != 0; // the first value stands behind its id and length
    }

    private readonly record struct Position(ushort At, ushort Length);

    [InlineArray(EnvelopeExtension.Count)]
    private struct Positions
    {
        private Position _first;
    }
}
