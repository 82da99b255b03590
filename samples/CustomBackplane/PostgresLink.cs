// snippet: extending-link
using System.Globalization;
using Npgsql;

namespace CustomBackplane;

/// <summary>A connection that listens, one that notifies, and what they say to PostgreSQL.</summary>
/// <remarks>A notification is the payload's number in 16 digits, a colon, and the payload as base64; or only the number of a row.</remarks>
internal sealed class PostgresLink : IAsyncDisposable
{
    private const int NumberDigits = 16;
    private const int MaxInlineBytes = 5_985;               // as base64, behind number and colon, the most that fits into the 7,999 bytes of a notification

    private const string CreateTable = """
        DO $$ BEGIN
            IF to_regclass('distributed_sockets_payload') IS NULL THEN
                PERFORM pg_advisory_xact_lock(hashtext('distributed_sockets_payload'));
                CREATE UNLOGGED TABLE IF NOT EXISTS distributed_sockets_payload
                    (number bigint PRIMARY KEY, payload bytea NOT NULL, stored timestamptz NOT NULL DEFAULT now());
            END IF;
        END $$
        """;

    private const string Notify = """
        WITH large AS (INSERT INTO distributed_sockets_payload (number, payload) SELECT * FROM unnest($3::bigint[], $4::bytea[]))
        SELECT pg_notify($1, text) FROM unnest($2::text[]) WITH ORDINALITY AS notification (text, place) ORDER BY place
        """;

    private const string Select = """
        SELECT (SELECT payload FROM distributed_sockets_payload WHERE number = wanted.number)
        FROM unnest($1::bigint[]) WITH ORDINALITY AS wanted (number, place) ORDER BY place
        """;

    private const string DeleteOld = "DELETE FROM distributed_sockets_payload WHERE stored < now() - interval '1 minute'";

    private static readonly TimeSpan s_sweepInterval = TimeSpan.FromSeconds(5);

    private readonly string _channel;
    private readonly NpgsqlConnection _listener;
    private readonly NpgsqlConnection _publisher;
    private readonly Queue<string> _arrived = new();        // filled while the listener waits or executes
    private long _number = Random.Shared.NextInt64();       // of the last payload; all differ, or PostgreSQL would fold equal notifications

    public PostgresLink(PostgresBackplaneOptions options, string prefix)
    {
        _channel = prefix[..Math.Min(prefix.Length, 63)];   // the longest identifier; cut or not, payloads say which cluster's they are
        var seconds = (int)Math.Ceiling(options.OperationTimeout.TotalSeconds);
        var settings = new NpgsqlConnectionStringBuilder(options.ConnectionString)
        {
            Pooling = false, Enlist = false, Timeout = seconds, CommandTimeout = seconds, CancellationTimeout = -1,
        };
        (_listener, _publisher) = (new(settings.ConnectionString), new(settings.ConnectionString));
        _listener.Notification += (_, notification) => _arrived.Enqueue(notification.Payload);
    }

    /// <summary>Connects, and returns when a notification of its own has come back: a pooler in between may have swallowed LISTEN.</summary>
    public async Task OpenAsync(CancellationToken cancellationToken)
    {
        await _listener.OpenAsync(cancellationToken);
        await _publisher.OpenAsync(cancellationToken);
        await ExecuteAsync(_publisher, CreateTable, cancellationToken);
        await ExecuteAsync(_listener, $"LISTEN \"{_channel}\"", cancellationToken);
        await SendAsync([[]], cancellationToken);
        var own = $"{_number:x16}:";
        while (!_arrived.Contains(own))
        {
            if (!await _listener.WaitAsync(TimeSpan.FromSeconds(_listener.ConnectionTimeout), cancellationToken))
            {
                throw new TimeoutException("A notification of PostgreSQL did not come back. LISTEN needs a connection without a pooler, or one that pools sessions.");
            }
        }
    }

    /// <summary>Sends payloads in order and in one transaction, since commits with NOTIFY wait for each other in the whole server.</summary>
    public Task SendAsync(List<byte[]> payloads, CancellationToken cancellationToken)
    {
        var numbered = payloads.ConvertAll(payload => (Number: ++_number, Payload: payload));
        var large = numbered.FindAll(static item => item.Payload.Length > MaxInlineBytes);
        return ExecuteAsync(
            _publisher, Notify, cancellationToken, _channel,
            numbered.ConvertAll(static item => item.Payload.Length > MaxInlineBytes ? $"{item.Number:x16}" : $"{item.Number:x16}:{Convert.ToBase64String(item.Payload)}"),
            large.ConvertAll(static item => item.Number), large.ConvertAll(static item => item.Payload));
    }

    /// <summary>Hands over what arrives, in order, and what can not be read as null; until it fails.</summary>
    public async Task ReceiveAsync(Action<byte[]?> received, CancellationToken cancellationToken)
    {
        var swept = Environment.TickCount64;
        while (true)
        {
            if (_arrived.Count == 0)
            {
                await _listener.WaitAsync(s_sweepInterval, cancellationToken);
            }

            if (Environment.TickCount64 - swept >= s_sweepInterval.TotalMilliseconds)
            {
                swept = Environment.TickCount64;
                await ExecuteAsync(_listener, DeleteOld, cancellationToken);    // shows besides that the connection lives
            }

            await DeliverAsync(received, cancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _listener.DisposeAsync();
        await _publisher.DisposeAsync();
    }

    private async Task DeliverAsync(Action<byte[]?> received, CancellationToken cancellationToken)
    {
        var texts = _arrived.ToArray();
        _arrived.Clear();                                   // what arrives while rows are read waits for the next call, so the order is kept
        var numbers = texts.Select(RowOf).OfType<long>().ToArray();
        await using var select = Command(_listener, Select, numbers);
        await using var rows = numbers.Length == 0 ? null : await select.ExecuteReaderAsync(cancellationToken);
        foreach (var text in texts)
        {
            received(rows is null || RowOf(text) is null ? Inline(text)
                : await rows.ReadAsync(cancellationToken) && !rows.IsDBNull(0) ? rows.GetFieldValue<byte[]>(0) : null);
        }
    }

    private static long? RowOf(string text) =>
        text.Length == NumberDigits && long.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static byte[]? Inline(string text)
    {
        try
        {
            return text.Length > NumberDigits ? Convert.FromBase64String(text[(NumberDigits + 1)..]) : null;
        }
        catch (FormatException)
        {
            return null;                                    // whoever may connect may notify, so nothing is trusted
        }
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql, params object[] parameters)
    {
        var command = new NpgsqlCommand(sql, connection);
        command.Parameters.AddRange(Array.ConvertAll(parameters, static value => new NpgsqlParameter { Value = value }));
        return command;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken, params object[] parameters)
    {
        await using var command = Command(connection, sql, parameters);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
// end-snippet
