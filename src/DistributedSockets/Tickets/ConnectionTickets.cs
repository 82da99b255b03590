using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Claims;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.DataProtection;

namespace DistributedSockets;

/// <summary>Gives out tickets that open one connection each, and takes them back.</summary>
/// <remarks>
/// A ticket is 32 random bytes. What it stands for is kept under a hash of it, encrypted, and bound to that hash: whoever reads the store learns
/// no ticket, and whoever writes to it can make none, and move none to another name.
/// </remarks>
internal sealed class ConnectionTickets(IConnectionTicketStore store, IDataProtectionProvider protection, TimeProvider time)
{
    /// <summary>How far the clocks of two nodes may differ. The store lets a ticket run out in time; this bounds what somebody puts back.</summary>
    private static readonly TimeSpan s_skew = TimeSpan.FromMinutes(5);

    private const int TicketBytes = 32;

    private readonly IDataProtector _protector = protection.CreateProtector("DistributedSockets.ConnectionTicket.v1");

    /// <summary>Gives out a ticket.</summary>
    /// <param name="user">Whose it is.</param>
    /// <param name="expires">When the authentication runs out with which they ask for it.</param>
    /// <param name="lifetime">How long it may be used.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="SessionStoreUnavailableException">The store is away.</exception>
    internal async ValueTask<string> IssueAsync(ClaimsPrincipal user, DateTimeOffset? expires, TimeSpan lifetime, CancellationToken cancellationToken)
    {
        var ticket = new byte[TicketBytes];
        RandomNumberGenerator.Fill(ticket);
        var key = KeyOf(ticket);
        var content = TicketSerializer.Default.Serialize(
            new(user, new AuthenticationProperties { ExpiresUtc = expires }, ConnectionTicketDefaults.AuthenticationScheme));
        var plain = new byte[sizeof(long) + content.Length];
        BinaryPrimitives.WriteInt64LittleEndian(plain, (time.GetUtcNow() + lifetime).UtcTicks);
        content.CopyTo(plain, sizeof(long));
        await store.AddAsync(key, ProtectorOf(key).Protect(plain), lifetime, cancellationToken);
        return Base64Url.EncodeToString(ticket);
    }

    /// <summary>Takes a ticket, which opens nothing more from then on.</summary>
    /// <returns>What it stands for; <see langword="null"/> if it was never given out, has been used, or its time is over.</returns>
    /// <exception cref="SessionStoreUnavailableException">The store is away.</exception>
    /// <exception cref="CryptographicException">This node cannot read what the store has, such as for want of the keys that the other nodes use.</exception>
    internal async ValueTask<AuthenticationTicket?> TakeAsync(string text, CancellationToken cancellationToken)
    {
        var ticket = new byte[TicketBytes];
        if (!Base64Url.IsValid(text, out var length) || length != TicketBytes || !Base64Url.TryDecodeFromChars(text, ticket, out _))
        {
            return null; // before it costs a round trip
        }

        var key = KeyOf(ticket);
        if (await store.TakeAsync(key, cancellationToken) is not { } kept)
        {
            return null;
        }

        var plain = ProtectorOf(key).Unprotect(kept);
        return BinaryPrimitives.ReadInt64LittleEndian(plain) + s_skew.Ticks > time.GetUtcNow().UtcTicks ? TicketSerializer.Default.Deserialize(plain[sizeof(long)..]) : null;
    }

    private static string KeyOf(byte[] ticket) => Base64Url.EncodeToString(SHA256.HashData(ticket));

    private IDataProtector ProtectorOf(string key) => _protector.CreateProtector(key);
}
