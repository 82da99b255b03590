using System.Globalization;

namespace DistributedSockets.WebPubSub;

/// <summary>Cuts the text of a filter into tokens.</summary>
internal ref struct FilterTokenizer(ReadOnlySpan<char> text)
{
    private readonly ReadOnlySpan<char> _text = text;
    private int _position;

    /// <exception cref="FormatException">There is no token here.</exception>
    internal FilterToken Next()
    {
        while (_position < _text.Length && char.IsWhiteSpace(_text[_position]))
        {
            _position++;
        }

        if (_position == _text.Length)
        {
            return new(FilterTokenKind.End, _position + 1);
        }

        var at = _position + 1;
        switch (_text[_position])
        {
            case '(':
                _position++;
                return new(FilterTokenKind.Open, at);
            case ')':
                _position++;
                return new(FilterTokenKind.Close, at);
            case ',':
                _position++;
                return new(FilterTokenKind.Comma, at);
            case '\'':
                return new(FilterTokenKind.String, at, ReadString());
            case '-' or (>= '0' and <= '9'):
                return new(FilterTokenKind.Integer, at, Number: ReadInteger());
            case '_' or (>= 'a' and <= 'z') or (>= 'A' and <= 'Z'):
                return new(FilterTokenKind.Word, at, ReadWord());
            default:
                throw new FormatException($"The filter has a character at {at} that belongs to nothing. Strings stand in single quotes.");
        }
    }

    private string ReadString()
    {
        var begin = ++_position;
        var hasQuotes = false;
        while (true)
        {
            var length = _text[_position..].IndexOf('\'');
            if (length < 0)
            {
                throw new FormatException($"The string at {begin} of the filter has no end. Close it with a single quote; one inside is written twice.");
            }

            _position += length + 1;
            if (_position == _text.Length || _text[_position] != '\'')
            {
                var value = _text[begin..(_position - 1)].ToString();
                return hasQuotes ? value.Replace("''", "'", StringComparison.Ordinal) : value;
            }

            hasQuotes = true;
            _position++;
        }
    }

    private long ReadInteger()
    {
        var begin = _position++;
        while (_position < _text.Length && char.IsAsciiDigit(_text[_position]))
        {
            _position++;
        }

        return !IsInsideWord() && long.TryParse(_text[begin.._position], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw new FormatException($"The filter has no whole number at {begin + 1}, or one beyond 64 bits.");
    }

    private string ReadWord()
    {
        var begin = _position;
        while (IsInsideWord())
        {
            _position++;
        }

        return _text[begin.._position].ToString();
    }

    private readonly bool IsInsideWord() =>
        _position < _text.Length && (char.IsAsciiLetterOrDigit(_text[_position]) || _text[_position] is '_' or '.');
}
