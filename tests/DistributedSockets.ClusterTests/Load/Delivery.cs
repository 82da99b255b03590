namespace DistributedSockets.ClusterTests;

/// <summary>Holds what arrived against what was sent.</summary>
internal static class Delivery
{
    private const int Told = 20;

    /// <summary>Asserts that each client got exactly what was sent to it, each once.</summary>
    public static void AssertExactlyOnce(IEnumerable<LoadSend> sends, string[][] received)
    {
        var expected = received.Select(static _ => new Dictionary<string, int>(StringComparer.Ordinal)).ToArray();
        foreach (var send in sends)
        {
            foreach (var receiver in send.Receivers)
            {
                expected[receiver][send.Payload] = expected[receiver].GetValueOrDefault(send.Payload) + 1;
            }
        }

        var wrong = new List<string>();
        for (var client = 0; client < received.Length; client++)
        {
            var missing = expected[client];
            foreach (var payload in received[client])
            {
                missing[payload] = missing.GetValueOrDefault(payload) - 1;
            }

            wrong.AddRange(missing.Where(static pair => pair.Value != 0)
                .Select(pair => $"client {client}: {pair.Key} {(pair.Value > 0 ? "is missing" : "came too often")} ({Math.Abs(pair.Value)})"));
        }

        Assert.True(wrong.Count == 0, $"{wrong.Count} deliveries are wrong:{Environment.NewLine}{string.Join(Environment.NewLine, wrong.Take(Told))}");
    }

    /// <summary>Asserts that what one client sent to one target came in that order, everywhere.</summary>
    public static void AssertInOrder(IEnumerable<LoadSend> sends, string[][] received)
    {
        var positions = sends.Select(static (send, position) => (send, position))
            .ToDictionary(static pair => pair.send.Payload, static pair => (Lane: (pair.send.Sender, pair.send.Target), pair.position), StringComparer.Ordinal);
        foreach (var payloads in received)
        {
            var last = new Dictionary<(int, string), int>();
            foreach (var payload in payloads)
            {
                if (positions.TryGetValue(payload, out var sent))
                {
                    Assert.True(sent.position > last.GetValueOrDefault(sent.Lane, -1), $"{payload} was overtaken by what was sent after it.");
                    last[sent.Lane] = sent.position;
                }
            }
        }
    }
}
