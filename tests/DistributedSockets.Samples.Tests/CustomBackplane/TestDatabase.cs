// snippet: extending-database
using DistributedSockets;
using Microsoft.Extensions.Options;
using Npgsql;
using Xunit;

namespace CustomBackplane.Tests;

/// <summary>A database of its own on the server that POSTGRES names; it can be taken away and given back. Without a server, tests are skipped.</summary>
public sealed class TestDatabase : IAsyncLifetime
{
    private static readonly string? s_server = Environment.GetEnvironmentVariable("POSTGRES");

    private readonly string _name = $"backplane_{Guid.NewGuid():N}";

    public string ConnectionString
    {
        get
        {
            Assert.SkipWhen(s_server is null, "Set POSTGRES to the connection string of a superuser, such as Host=127.0.0.1;Username=postgres.");
            return new NpgsqlConnectionStringBuilder(s_server) { Database = _name }.ConnectionString;
        }
    }

    public async ValueTask InitializeAsync() => await ExecuteAsync($"CREATE DATABASE {_name}");

    public async ValueTask DisposeAsync() => await ExecuteAsync($"DROP DATABASE {_name} WITH (FORCE)");

    public IBackplane CreateBackplane(string cluster, TimeSpan? timeout = null) => new PostgresBackplane(
        Options.Create(new PostgresBackplaneOptions { ConnectionString = ConnectionString, OperationTimeout = timeout ?? TimeSpan.FromSeconds(30) }),
        Options.Create(new DistributedWebSocketsClusterOptions { Prefix = cluster }));

    public async Task CutAsync()
    {
        await ExecuteAsync($"ALTER DATABASE {_name} ALLOW_CONNECTIONS false");
        await ExecuteAsync($"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{_name}'");
    }

    public Task RestoreAsync() => ExecuteAsync($"ALTER DATABASE {_name} ALLOW_CONNECTIONS true");

    private static async Task ExecuteAsync(string sql)
    {
        if (s_server is not null)
        {
            await using var connection = new NpgsqlConnection(s_server);
            await connection.OpenAsync();
            await using var command = new NpgsqlCommand(sql, connection);
            await command.ExecuteNonQueryAsync();
        }
    }
}
// end-snippet
