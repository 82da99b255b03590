using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace DistributedSockets;

/// <summary>Names of connections, users or groups: strings of this app, or what another node has written of them, decoded one at a time.</summary>
internal readonly ref struct NameList
{
    /// <summary>Enough to decode any name.</summary>
    internal const int ScratchChars = Names.MaxBytes;

    private readonly ReadOnlySpan<string> _strings;
    private readonly ReadOnlySpan<byte> _encoded;
    private readonly Span<char> _scratch;

    internal NameList(ReadOnlySpan<string> names)
    {
        _strings = names;
        Count = names.Length;
    }

    /// <param name="encoded">The names as they stand in an envelope, whose lengths have been checked, behind their count.</param>
    /// <param name="count">How many there are.</param>
    /// <param name="scratch">Where each is decoded, so that a name is good only until the next.</param>
    internal NameList(ReadOnlySpan<byte> encoded, int count, Span<char> scratch)
    {
        _encoded = encoded;
        _scratch = scratch;
        Count = count;
    }

    /// <summary>How many names there are, also those that nobody can have.</summary>
    internal int Count { get; }

    public Enumerator GetEnumerator() => new(this);

    /// <summary>Goes through the names, passing over those that nobody can have: too long, or no UTF-8.</summary>
    internal ref struct Enumerator(NameList names)
    {
        private readonly NameList _names = names;
        private ReadOnlySpan<byte> _rest = names._encoded;
        private int _passed;

        public ReadOnlySpan<char> Current { get; private set; }

        public bool MoveNext()
        {
            while (_passed < _names.Count)
            {
                if (_names._scratch.IsEmpty)
                {
                    Current = _names._strings[_passed++];
                    return true;
                }

                var name = _rest.Slice(sizeof(ushort), BinaryPrimitives.ReadUInt16LittleEndian(_rest));
                _rest = _rest[(sizeof(ushort) + name.Length)..];
                _passed++;
                if (name.Length <= Names.MaxBytes && Utf8.IsValid(name))
                {
                    Current = _names._scratch[..Encoding.UTF8.GetChars(name, _names._scratch)];
                    return true;
                }
            }

            return false;
        }
    }
}
