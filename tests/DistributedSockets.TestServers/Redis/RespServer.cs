using System.Net;
using System.Net.Sockets;
using System.Text;

namespace DistributedSockets.TestServers;

/// <summary>A server that speaks the Redis protocol.</summary>
public abstract class RespServer : TestServer
{
    /// <summary>The password that <see cref="CommandAsync"/> signs in with, for a server that wants one.</summary>
    public string? Password { get; set; }

    /// <summary>Sends one command outside of any client library and returns the raw answer.</summary>
    /// <param name="command">The command and its arguments.</param>
    public async Task<string> CommandAsync(params string[] command)
    {
        using var guard = new CancellationTokenSource(Guard);
        return await ExchangeAsync(Port, Password, command, guard.Token);
    }

    /// <inheritdoc/>
    protected override async Task<bool?> IsReadyAsync(int processId, int port, CancellationToken cancellationToken)
    {
        var info = await ExchangeAsync(port, password: null, ["INFO", "server"], cancellationToken);
        return info.StartsWith('$') || info.StartsWith('=') ? IsOurs(processId, info) : info.StartsWith("-NOAUTH", StringComparison.Ordinal) ? true : null;
    }

    /// <summary>Whether what answers on the port is the process that was started, rather than someone quicker.</summary>
    /// <param name="processId">The process.</param>
    /// <param name="info">The answer to <c>INFO server</c>.</param>
    protected virtual bool IsOurs(int processId, string info) => true;

    private static async Task<string> ExchangeAsync(int port, string? password, string[] command, CancellationToken cancellationToken)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port, cancellationToken);
        var stream = client.GetStream();
        if (password is not null && await AskAsync("AUTH", password) is var answer && !answer.StartsWith("+OK", StringComparison.Ordinal))
        {
            return answer;
        }

        return await AskAsync(command);

        async Task<string> AskAsync(params string[] parts)
        {
            var request = new StringBuilder($"*{parts.Length}\r\n");
            foreach (var part in parts)
            {
                request.Append($"${Encoding.UTF8.GetByteCount(part)}\r\n{part}\r\n");
            }

            await stream.WriteAsync(Encoding.UTF8.GetBytes(request.ToString()), cancellationToken);
            var buffer = new byte[16 * 1024];
            var read = await stream.ReadAsync(buffer, cancellationToken);
            return Encoding.UTF8.GetString(buffer, 0, read);
        }
    }
}
